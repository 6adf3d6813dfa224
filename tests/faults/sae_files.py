"""Damaged files of saved SAEs: each opens with finite weights or is refused in one sentence.

If only structure is damaged, an SAE that opens equals the original.
"""

from analysis.saes import FORMATS, load_sae
from tests.analysis.saes.test_mutations import CHANGE_VALUES, MUTATE, example, open_or_refuse
from tests.faults.trial import Case, FaultError, Outcome, Trial

KINDS = (*CHANGE_VALUES, *MUTATE)


def run(case: Case) -> Outcome:
    """Damage one file of each format in turn, by each kind of damage in turn."""
    entry = FORMATS[case.number % len(FORMATS)]
    damage = KINDS[case.number // len(FORMATS) % len(KINDS)]
    file = example(entry.name, case.folder)
    (file.parent / "format.txt").write_text(entry.name)
    whole = load_sae(file, allow_pickle=True).content_hash  # the file is mapped, so hash it now
    damage(file, case.random())
    sae = open_or_refuse(file)
    if sae is None:
        return Outcome(f"refused: {damage.__name__}")
    equal = sae.content_hash == whole
    if damage in MUTATE and not equal:
        raise FaultError(f"After {damage.__name__}, {entry.name} opened as another SAE.")
    return Outcome(f"opened {'equal' if equal else 'with other values'}: {damage.__name__}")


TRIAL = Trial("sae_files", 408, run, covers=("analysis/saes",))

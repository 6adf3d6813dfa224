"""Was this SAE read rightly? Two numbers that tell, and one sentence that says so.

A wrong orientation, a lost normalisation, a wrong layer: each opens without an error and gives
activations. It shows in the explained variance (centred, 1 - FVU) and in the L0 on real tokens.
"""

from dataclasses import dataclass

LEAST_EXPLAINED = 0.3
"""Below it an SAE was read wrongly, or was never one of this model."""
USUAL_EXPLAINED = 0.6
"""Most published SAEs of a residual stream explain more."""
L0_FACTOR = 1.5
"""How far the measured L0 may lie from the advertised one, to either side."""


@dataclass(frozen=True)
class Verdict:
    """Whether the numbers fit, and the sentence that says it with them."""

    fits: bool | None
    """None where nothing could be held against anything."""
    sentence: str


def judge(explained_variance: float | None, l0: float, advertised_l0: float | None) -> Verdict:
    """The verdict on a measured explained variance and L0 (latents per token).

    `explained_variance` is None where it means nothing: imported activations, and transcoders,
    whose output belongs at another hook point.
    """
    faults = []
    if explained_variance is not None and not explained_variance >= LEAST_EXPLAINED:
        faults.append(
            f"only {explained_variance:.2f} of the variance is explained, where at least "
            f"{LEAST_EXPLAINED:g} is expected"
        )
    if advertised_l0 and not advertised_l0 / L0_FACTOR <= l0 <= advertised_l0 * L0_FACTOR:
        faults.append(f"L0 is {l0:.1f}, where the file promises {advertised_l0:.4g}")
    if faults:
        return Verdict(False, f"It does not fit: {', and '.join(faults)}.")
    promised = f"as the file promises ({advertised_l0:.4g})" if advertised_l0 else "not promised"
    if explained_variance is None:
        sentence = f"L0 is {l0:.1f}, {promised}; explained variance is not known here."
        return (
            Verdict(True, f"It fits as far as it can be told: {sentence}")
            if (advertised_l0)
            else Verdict(None, f"Nothing to hold it against: {sentence}")
        )
    numbers = (
        f"{explained_variance:.2f} of the variance is explained and L0 is {l0:.1f}, {promised}"
    )
    if explained_variance < USUAL_EXPLAINED:
        numbers += f"; most SAEs explain more than {USUAL_EXPLAINED:g}"
    return Verdict(True, f"It fits: {numbers}.")

/**
 * The gestures on their way to Python.
 *
 * A message that Python gets while it is busy takes the place of the one before, and carries the
 * address and the fields of the page as they were. So one message is on its way at a time, and
 * each holds all gestures that have no answer yet.
 */

/** Gestures in one message. */
const MOST = 50;
/** Milliseconds after which an answer is no longer awaited. */
const LONGEST_ANSWER = 5000;
/** Milliseconds after an answer in which the rest of the page follows it. */
const SOON = 50;

export class Outbox {
  /** @param {(gestures: object[]) => void} send each gesture has a `serial`, which ascends */
  constructor(send) {
    this.send = send;
    this.waiting = [];
    this.answered = 0;
    /** Number of the last gesture that was sent, and when. */
    this.sent = { serial: 0, at: 0 };
    this.timer = 0;
  }

  add(gesture) {
    this.waiting.push(gesture);
    this._sendNext();
  }

  /** Python has answered all gestures up to this number. */
  take(answered) {
    this.answered = Math.max(this.answered, answered);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this._sendNext(), SOON);
  }

  /** Begin anew, as on another page. */
  forget() {
    clearTimeout(this.timer);
    this.waiting = [];
    this.answered = 0;
    this.sent = { serial: 0, at: 0 };
  }

  _sendNext() {
    clearTimeout(this.timer);
    this.waiting = this.waiting.filter(({ serial }) => serial > this.answered).slice(-MOST);
    const last = this.waiting.at(-1)?.serial ?? 0;
    if (last <= this.sent.serial) return;
    const left = this.sent.at + LONGEST_ANSWER - performance.now();
    if (this.sent.serial > this.answered && left > 0) {
      this.timer = setTimeout(() => this._sendNext(), left);
      return;
    }
    this.sent = { serial: last, at: performance.now() };
    this.send(this.waiting);
  }
}

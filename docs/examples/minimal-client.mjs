// A minimal client of the /interview namespace: the shared editor and the chat, over
// connections that do not last. Needs socket.io-client and yjs.
import { io } from "socket.io-client";
import * as Y from "yjs";

// What the service takes: bytes of text, and of one update.
const MAX_TEXT = 1024 * 1024;
const MAX_UPDATE = 1_500_000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export class InterviewClient {
  // `getToken` returns a promise of an access token that is good for a while. `onTooLarge` is
  // called when an edit was too large for the service, and has been undone.
  constructor(url, getToken, interviewId, onTooLarge = () => {}) {
    this.interviewId = interviewId;
    this.doc = new Y.Doc();
    this.code = this.doc.getText("code");
    this.messages = [];
    this.people = [];
    this.joined = false;
    this.seq = 0; // all up to this number of the log has reached us
    this.seen = new Set(); // ids of what came after it
    this.onTooLarge = onTooLarge;

    // Our own edits that are not acknowledged yet, whatever made them in the document.
    this.pending = new Y.UndoManager(this.code, {
      captureTimeout: 0,
      captureTransaction: ({ origin }) => origin !== this,
      trackedOrigins: Object.assign(new Set(), { has: () => true }),
    });

    const auth = (send) => getToken().then((token) => send({ token }));
    this.socket = io(`${url}/interview`, { auth });
    this.socket.on("connect", () => this.join());
    this.socket.on("disconnect", () => (this.joined = false));
    this.socket.on("tokenExpiring", () => auth((renewed) => this.socket.emit("renew", renewed)));
    this.socket.on("admitted", (answer) => this.enter(answer));
    this.socket.on("presence", ({ participants }) => (this.people = participants));
    this.socket.on("chatMessage", (message) => this.once(message, () => this.messages.push(message)));
    this.socket.on("codeUpdate", ({ update }) => this.apply(update));
    this.socket.on("position", ({ seq }) => this.reach(seq));

    // What is typed while there is no room to send it to is sent by `enter`.
    this.doc.on("update", (update, origin) => {
      if (origin !== this && this.joined) this.send(update, this.pending.undoStack.at(-1));
    });
  }

  async join() {
    const answer = await this.socket.emitWithAck("joinRoom", {
      interviewId: this.interviewId,
      sync: "yjs",
      sv: Y.encodeStateVector(this.doc),
      sinceSeq: this.seq,
    });
    if (!answer.ok) throw new Error(answer.error.message);
    // A candidate may have to wait: then "admitted" brings the same answer later.
    if (!answer.waiting) this.enter(answer);
  }

  enter(answer) {
    this.apply(answer.update);
    this.reach(answer.upto);
    this.joined = true;
    // What the service lacks: typed meanwhile, or sent and never acknowledged.
    const sv = new Uint8Array(answer.sv);
    let lacking = this.lacking(sv);
    while (this.isTooLarge(lacking) && this.pending.undoStack.length) {
      this.undo(this.largest());
      lacking = this.lacking(sv);
    }
    if (lacking.length > 2) this.send(lacking, null, this.pending.undoStack.at(-1));
    else this.pending.clear();
  }

  // `edit` is the one that the update holds, if it holds one alone, and `last` the last of them.
  async send(update, edit, last = edit) {
    const answer = await this.answerTo(update);
    if (answer?.ok) {
      // Answers come in order: if this was our last edit, they all are acknowledged.
      if (last === this.pending.undoStack.at(-1)) this.pending.clear();
      return;
    }
    // No answer: the connection is gone, or the service has been busy for long.
    const { code, retryAfterMs } = answer?.error ?? { code: "unavailable" };
    if (code === "too_large" && !this.undo(edit ?? this.largest())) return;
    if (!["too_large", "conflict", "too_many_requests", "unavailable"].includes(code)) return;
    // Later edits rest on this one and are refused as well: joining again sends all of them.
    if (!this.joined) return;
    this.joined = false;
    await sleep(retryAfterMs ?? (code === "unavailable" ? 1_000 : 0));
    if (this.socket.connected) await this.join();
  }

  async answerTo(update) {
    if (update.length > MAX_UPDATE) return { ok: false, error: { code: "too_large" } };
    return this.socket
      .timeout(30_000)
      .emitWithAck("codeUpdate", { interviewId: this.interviewId, update })
      .catch(() => null);
  }

  // The difference to what the service has. Of a fresh copy, which holds nothing of what was
  // deleted: the document itself keeps the text of all that can be undone.
  lacking(sv) {
    const copy = new Y.Doc();
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(this.doc));
    return Y.encodeStateAsUpdate(copy, sv);
  }

  isTooLarge(lacking) {
    const bytes = new TextEncoder().encode(this.code.toString()).length;
    return bytes > MAX_TEXT || lacking.length > MAX_UPDATE;
  }

  largest() {
    const inserted = ({ insertions }) =>
      [...insertions.clients.values()].flat().reduce((sum, { len }) => sum + len, 0);
    const [first, ...others] = this.pending.undoStack;
    return others.reduce((one, other) => (inserted(other) > inserted(one) ? other : one), first);
  }

  // Undoes one of our edits, if it is still pending; what was typed after it stays.
  undo(edit) {
    this.onTooLarge();
    const stack = this.pending.undoStack;
    const place = stack.indexOf(edit);
    if (place < 0) return false;
    const joined = this.joined;
    this.joined = false; // the join that follows sends it
    stack.push(...stack.splice(place, 1));
    this.pending.undo();
    this.pending.clear(false, true);
    this.joined = joined;
    return true;
  }

  // Sent again until it is answered: the service logs and tells it once, by its `clientId`.
  async say(message) {
    const { interviewId } = this;
    const event = { interviewId, message, clientId: crypto.randomUUID() };
    for (;;) {
      while (!this.joined) await sleep(50);
      const answer = await this.socket
        .timeout(10_000)
        .emitWithAck("chatMessage", event)
        .catch(() => null);
      if (answer) return answer;
    }
  }

  apply(update) {
    Y.applyUpdate(this.doc, new Uint8Array(update), this);
  }

  once(event, take) {
    if (!this.seen.has(event.id)) {
      this.seen.add(event.id);
      take();
    }
  }

  reach(seq) {
    this.seq = Math.max(this.seq, seq);
  }

  leave() {
    this.socket.disconnect();
  }
}

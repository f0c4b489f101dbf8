// A minimal client of the /interview namespace: the shared editor and the chat, over
// connections that do not last. Needs socket.io-client and yjs.
import { io } from "socket.io-client";
import * as Y from "yjs";

export class InterviewClient {
  // `getToken` returns a promise of an access token that is good for a while.
  constructor(url, getToken, interviewId) {
    this.interviewId = interviewId;
    this.doc = new Y.Doc();
    this.code = this.doc.getText("code");
    this.messages = [];
    this.people = [];
    this.joined = false;
    this.seq = 0; // all up to this number of the log has reached us
    this.seen = new Set(); // ids of what came after it

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
      if (origin !== this && this.joined) this.send(update);
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
    const lacking = Y.encodeStateAsUpdate(this.doc, new Uint8Array(answer.sv));
    if (lacking.length > 2) this.send(lacking);
  }

  async send(update) {
    const answer = await this.socket
      .timeout(10_000)
      .emitWithAck("codeUpdate", { interviewId: this.interviewId, update })
      .catch(() => null);
    // No answer: the connection is gone, and the next join sends it again. Refused since
    // edits before this one are missing there: joining again sends all of them.
    if (answer && !answer.ok && answer.error.code === "conflict") await this.join();
  }

  say(message) {
    return this.socket.emitWithAck("chatMessage", { interviewId: this.interviewId, message });
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

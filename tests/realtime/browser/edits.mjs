// Three editors with Yjs documents, which edit at random and hear of each other through one
// log of updates, as through a server. Prints the log, in base64, and the text that all end with.
import * as Y from "yjs";

const [seed, count] = process.argv.slice(2).map(Number);

// mulberry32, by Tommy Ettinger: numbers in [0, 1) that the seed decides.
let state = seed >>> 0;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

const PIECES = ["x", "if (a) {\n", "\n\n", "wörld", "🦉", "👩‍👩‍👧", "日本", "\t", "", "long ".repeat(60)];
const log = [];

class Editor {
  constructor() {
    this.doc = new Y.Doc();
    this.text = this.doc.getText("code");
    this.undo = new Y.UndoManager(this.text, { captureTimeout: 0 });
    this.unsent = [];
    this.heard = 0;
    this.doc.on("update", (update, origin) => origin === "log" || this.unsent.push(update));
  }

  // A place between characters, never between the two halves of one.
  place() {
    const at = below(this.text.length + 1);
    const code = this.text.toString().charCodeAt(at);
    return code >= 0xdc00 && code < 0xe000 ? at - 1 : at;
  }

  edit() {
    const [from, to] = [this.place(), this.place()].sort((a, b) => a - b);
    const action = random();
    if (action < 0.6) this.text.insert(from, pick(PIECES));
    else if (action < 0.8) this.text.delete(from, Math.min(to - from, 40) && this.end(from, to) - from);
    else if (action < 0.9)
      this.doc.transact(() => {
        this.text.delete(from, this.end(from, to) - from);
        this.text.insert(from, pick(PIECES));
        this.text.insert(0, pick(PIECES));
      });
    else if (action < 0.95) this.undo.undo();
    else this.undo.redo();
  }

  // At most some characters after `from`, and not between two halves.
  end(from, to) {
    const end = Math.min(to, from + 40);
    const code = this.text.toString().charCodeAt(end);
    return code >= 0xdc00 && code < 0xe000 ? end + 1 : end;
  }

  send() {
    if (!this.unsent.length) return;
    const way = random();
    if (way < 0.5) log.push(...this.unsent);
    else if (way < 0.8) log.push(Y.mergeUpdates(this.unsent));
    else {
      const known = log.length ? Y.encodeStateVectorFromUpdate(Y.mergeUpdates(log)) : undefined;
      const all = Y.encodeStateAsUpdate(this.doc);
      log.push(known && way < 0.9 ? Y.diffUpdate(all, known) : Y.encodeStateAsUpdate(this.doc, known));
    }
    this.unsent = [];
  }

  hear() {
    for (const update of log.slice(this.heard)) Y.applyUpdate(this.doc, update, "log");
    this.heard = log.length;
  }
}

const editors = [new Editor(), new Editor(), new Editor()];
for (let i = 0; i < count; i++) {
  const editor = pick(editors);
  editor.edit();
  if (random() < 0.5) editor.send();
  if (random() < 0.3) editor.hear();
  // Some are sent again, with what lies between left out.
  const again = log.slice(-100).filter(() => random() < 0.1);
  if (again.length && random() < 0.02) log.push(Y.mergeUpdates(again));
}
for (const editor of editors) editor.send();
for (const editor of editors) editor.hear();
const texts = new Set(editors.map((editor) => editor.text.toString()));
if (texts.size !== 1) throw new Error("the editors do not agree");
console.log(
  JSON.stringify({
    updates: log.map((update) => Buffer.from(update).toString("base64")),
    text: [...texts][0],
  }),
);

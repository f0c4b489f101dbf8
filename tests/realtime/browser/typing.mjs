// Editors with the real client that type at the same time, and delete what others typed.
// Every letter is typed once, so that the text tells what became of each edit. Prints whether
// they agree in the end, and which letters are lost, doubled, or back after they were deleted.
import { io } from "socket.io-client";
import * as Y from "yjs";

const { interviewId, seconds, editors } = JSON.parse(process.argv[2]);
const FIRST = 0x4e00;
const MOST = 0x800;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const pick = (number) => Math.floor(Math.random() * number);

class Editor {
  constructor({ url, token, transports }, number) {
    this.next = FIRST + number * MOST;
    this.typed = [];
    this.deleted = [];
    this.room = io(`${url}/interview`, { auth: { token }, transports, reconnection: false });
  }

  type() {
    const { text } = this;
    if (text && Math.random() < 0.25) {
      const at = pick(text.length);
      this.deleted.push(text[at]);
      this.edit(at, 1, "");
      return;
    }
    // Mostly after the letter typed last.
    const after = text.indexOf(this.typed.at(-1)) + 1;
    const letter = String.fromCharCode(this.next++);
    this.typed.push(letter);
    this.edit(after && Math.random() < 0.9 ? after : pick(text.length + 1), 0, letter);
  }

  send(edit) {
    this.room.emit("codeUpdate", { interviewId, ...edit });
  }
}

class WholeTextEditor extends Editor {
  async join() {
    this.room.on("codeUpdate", ({ codeSnapshot }) => (this.text = codeSnapshot));
    const { codeSnapshot } = await this.room.emitWithAck("joinRoom", { interviewId });
    this.text = codeSnapshot;
  }

  edit(at, deleted, inserted) {
    this.text = this.text.slice(0, at) + inserted + this.text.slice(at + deleted);
    this.send({ codeSnapshot: this.text });
  }
}

class YjsEditor extends Editor {
  async join() {
    this.doc = new Y.Doc();
    this.code = this.doc.getText("code");
    const apply = ({ update }) => Y.applyUpdate(this.doc, new Uint8Array(update), this);
    this.room.on("codeUpdate", apply);
    apply(await this.room.emitWithAck("joinRoom", { interviewId, sync: "yjs" }));
    this.doc.on("update", (update, origin) => origin === this || this.send({ update }));
  }

  get text() {
    return this.code.toString();
  }

  edit(at, deleted, inserted) {
    if (deleted) this.code.delete(at, deleted);
    else this.code.insert(at, inserted);
  }
}

const all = editors.map((each, number) => new (each.yjs ? YjsEditor : WholeTextEditor)(each, number));
await Promise.all(all.map((each) => each.join()));
const end = Date.now() + seconds * 1000;
const typing = async (editor) => {
  for (; Date.now() < end; editor.type()) await sleep(60 + pick(120));
};
await Promise.all(all.map(typing));
const agree = () => all.every(({ text }) => text === all[0].text);
// Everything has arrived by then, unless the machine is busy.
for (let waited = 0; waited < 20 && (waited < 3 || !agree()); waited++) await sleep(1000);

const typed = all.flatMap((each) => each.typed);
const deleted = new Set(all.flatMap((each) => each.deleted));
const letters = [...all[0].text];
const there = new Set(letters);
console.log(
  JSON.stringify({
    agree: agree(),
    lost: typed.filter((letter) => !there.has(letter) && !deleted.has(letter)),
    doubled: letters.length - there.size,
    back: letters.filter((letter) => deleted.has(letter)),
  }),
);
process.exit(0);

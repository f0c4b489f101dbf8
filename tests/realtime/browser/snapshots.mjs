// Two editors that send and show whole texts, with the real client in its default configuration
// (polling first, then an upgrade to WebSocket). They play cases: from a text on, each sends one
// as soon as it is shown the one before. Prints the texts that both have after each case.
import { io } from "socket.io-client";

const [url, first, second, interviewId, json] = process.argv.slice(2);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

setTimeout(() => {
  console.error("too slow");
  process.exit(1);
}, 40_000).unref();

class Editor {
  constructor(token) {
    this.text = null;
    this.waiting = null;
    this.room = io(`${url}/interview`, { auth: { token }, reconnection: false });
    this.room.on("codeUpdate", ({ codeSnapshot }) => this.show(codeSnapshot));
  }

  async join() {
    const { codeSnapshot } = await this.room.emitWithAck("joinRoom", { interviewId });
    this.text = codeSnapshot;
  }

  show(text) {
    this.text = text;
    if (this.waiting?.text === text) {
      const { act } = this.waiting;
      this.waiting = null;
      act();
    }
  }

  send(text) {
    this.text = text;
    this.room.emit("codeUpdate", { interviewId, codeSnapshot: text });
  }

  // Sends in the very step in which it is shown what it waits for.
  sendOnceShown(shown, text) {
    return new Promise((done) => {
      const act = () => done(this.send(text));
      if (this.text === shown) act();
      else this.waiting = { text: shown, act };
    });
  }
}

const editors = { A: new Editor(first), B: new Editor(second) };
for (const editor of Object.values(editors)) await editor.join();
const ends = { A: [], B: [] };
for (const [start, sent] of JSON.parse(json)) {
  editors.A.send(start);
  let before = start;
  for (const [name, text] of sent) {
    await editors[name].sendOnceShown(before, text);
    before = text;
  }
  while (editors.A.text !== before || editors.B.text !== before) await sleep(10);
  // Nothing else follows.
  await sleep(250);
  for (const [name, editor] of Object.entries(editors)) ends[name].push(editor.text);
}
const transport = editors.A.room.io.engine.transport.name;
console.log(JSON.stringify({ ...ends, transport }));
for (const { room } of Object.values(editors)) room.disconnect();

// Minimal clients whose edits are large, and some too large, online and offline. Prints what
// all have in the end as JSON.
import { InterviewClient } from "./minimal-client.mjs";

const [url, first, second, interviewId] = process.argv.slice(2);
const refused = [0, 0];
const [ida, cleo] = [first, second].map(
  (token, who) => new InterviewClient(url, async () => token, interviewId, () => (refused[who] += 1)),
);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const fail = (reason) => {
  console.error(String(reason));
  process.exit(1);
};
setTimeout(() => fail("too slow"), 50_000).unref();

const until = async (probe) => {
  while (!probe()) await sleep(20);
};
const text = (client) => client.code.toString();
const same = () => text(ida) === text(cleo);
const offline = async (client) => {
  client.socket.disconnect();
  await until(() => !client.joined);
};
const online = async (client) => {
  client.socket.connect();
  await until(() => client.joined);
};

await until(() => ida.joined && cleo.joined);
ida.code.insert(0, "start\n");
// A paste of 300 KB, and another edit at once.
ida.code.insert(0, "a".repeat(300_000));
ida.code.insert(0, "<1>");
await until(() => same() && text(cleo).startsWith("<1>aaa"));
// Six edits of 50 KB, offline.
await offline(ida);
for (let number = 0; number < 6; number += 1) ida.code.insert(0, `${number}`.repeat(50_000));
await online(ida);
await until(() => same() && text(cleo).startsWith("555"));
const accepted = [...refused];

// Too large together with what is there; typed on before the answer, in it, and after it.
const before = text(ida);
ida.code.insert(0, "x".repeat(600_000));
ida.code.insert(300_000, "<2>");
ida.code.insert(0, "<3>");
await until(() => refused[0] === 1);
ida.code.insert(0, "<4>");
await until(() => ida.joined && same() && text(cleo) === `<4><3><2>${before}`);
// Too large for a message, in place of everything: that comes back.
ida.code.doc.transact(() => {
  ida.code.delete(0, ida.code.length);
  ida.code.insert(0, "y".repeat(3_000_000));
});
ida.code.insert(ida.code.length, "<5>");
cleo.code.insert(0, "<6>");
await until(() => refused[0] === 2);
// What came back stands before or after what was typed in the same place meanwhile.
const withoutSix = () => text(cleo).replace("<6>", "");
await until(() => ida.joined && same() && withoutSix() === `<4><3><2>${before}<5>`);
// The same offline, beside edits that fit.
await offline(cleo);
cleo.code.insert(0, "<7>");
cleo.code.insert(0, "z".repeat(2_500_000));
cleo.code.insert(0, "<8>");
ida.code.insert(0, "<9>");
await online(cleo);
await until(() => refused[1] === 1 && ida.joined && cleo.joined && same());
const end = text(ida);
// All is acknowledged, and nothing is remembered.
await until(() => [ida, cleo].every(({ pending }) => !pending.undoStack.length));
cleo.code.insert(0, "<10>");
await until(() => same() && text(ida) === `<10>${end}`);
console.log(
  JSON.stringify({
    accepted,
    refused,
    length: before.length,
    marks: end.replace(before, "|"),
    text: text(ida),
  }),
);
[ida, cleo].forEach((client) => client.leave());

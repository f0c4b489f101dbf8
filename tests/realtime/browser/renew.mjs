// Lives on by a second token, lets that one end, and comes back by itself with a third; a
// second socket logs out. Prints what both saw as JSON.
import { io } from "socket.io-client";

const [url, interviewId, leaving, ...tokens] = process.argv.slice(2);

let current = tokens[0];
const auth = (give) => give({ token: current });
const room = io(`${url}/interview`, { auth, reconnectionDelay: 100 });
const left = io(`${url}/interview`, { auth: { token: leaving }, reconnectionDelay: 100, forceNew: true });
const report = { connects: 0, warnings: [], renewed: [], logout: [] };

const fail = (reason) => {
  console.error(String(reason));
  process.exit(1);
};
room.on("connect_error", (error) => fail(`connect_error ${error.message}`));
setTimeout(() => fail(`too slow: ${JSON.stringify(report)}`), 30_000).unref();

left.on("connect", async () => {
  await fetch(`${url}/api/auth/logout`, {
    method: "POST",
    headers: { Authorization: `Bearer ${leaving}` },
  });
});
left.on("disconnect", (reason) => report.logout.push(reason));

room.on("connect", async () => {
  report.connects += 1;
  report.joined = await room.emitWithAck("joinRoom", { interviewId });
  if (report.connects === 2) {
    console.log(JSON.stringify({ ...report, active: left.active }));
    room.disconnect();
    left.disconnect();
  }
});
room.on("tokenExpiring", async (warning) => {
  report.warnings.push(warning);
  if (report.warnings.length === 1) {
    report.renewed.push(await room.emitWithAck("renew", { token: tokens[1] }));
  } else {
    current = tokens[2];
  }
});
room.on("tokenExpired", (data) => (report.expired = data));
room.on("disconnect", (reason) => {
  report.reason = reason;
  report.closedAt = Date.now();
});

// Makes verification tokens by the platform's documented steps, independently of the package.
// stdin: a JSON list of {key, userId}; stdout: the JSON list of tokens.
"use strict";
const { createHmac } = require("node:crypto");

function signUserId(key, userId) {
  const [hmacId, hmacSecret] = Buffer.from(key, "base64").toString("utf8").split(";");
  const digest = createHmac("sha256", hmacSecret).update(userId, "utf8").digest("hex");
  return Buffer.from(`${hmacId};${digest}`, "utf8").toString("base64");
}

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
  const cases = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  process.stdout.write(JSON.stringify(cases.map(({ key, userId }) => signUserId(key, userId))));
});

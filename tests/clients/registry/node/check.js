// One line per check, and waiting with a deadline, as tests/clients/checks.py does.
"use strict";

const { execFileSync } = require("child_process");
const { randomUUID } = require("crypto");
const path = require("path");
const { setTimeout: pause } = require("timers/promises");

const BROKER = process.env.BROKER;
const FEATURES = (process.env.FEATURES || "").split(" ");
const PATIENCE_MS = 1000 * Number(process.env.PATIENCE || 40);
let failed = false;

async function check(name, action) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${3 * PATIENCE_MS} ms`)), 3 * PATIENCE_MS);
  });
  try {
    await Promise.race([action(), late]);
    console.log(`ok ${name}`);
  } catch (error) {
    failed = true;
    const causes = (error.errors || []).map((each) => each.message).join("; ");
    console.log(`not ok ${name}: ${error.message} ${causes}`.replace(/\n/g, " | "));
    if (!error.isExpectation) console.log(String(error.stack).replace(/^/gm, "    "));
  } finally {
    clearTimeout(timer);
  }
}

function fail(why) {
  throw Object.assign(new Error(why), { isExpectation: true });
}

function expectEqual(seen, wanted, what) {
  const show = (value) => JSON.stringify(value, (_, each) => typeof each === "bigint" ? Number(each) : each);
  const [left, right] = [show(seen), show(wanted)];
  if (left !== right) fail(`${what}: expected ${right.slice(0, 300)}, saw ${left?.slice(0, 300)}`);
}

async function waitFor(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > deadline) fail(`waited ${PATIENCE_MS} ms for ${typeof what === "function" ? what() : what}`);
    await pause(20);
  }
}

// The codecs that the batches of partition 0 really have.
function codecsOf(topic) {
  const script = path.join(__dirname, "../../batches.py");
  return execFileSync("/usr/bin/python3", [script, BROKER, topic]).toString().trim();
}

module.exports = {
  BROKER, check, codecsOf, expectEqual, fail, pause, waitFor,
  has: (feature) => FEATURES.includes(feature),
  unique: (name) => `${name}-${randomUUID().slice(0, 8)}`,
  numbered: (prefix, count) => [...Array(count).keys()].map((i) => `${prefix} ${i} the same again`),
  finish: () => process.exit(failed ? 1 : 0),
};

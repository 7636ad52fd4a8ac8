// The official Node SDK, unmodified, with a handler that acknowledges and does nothing else.

import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const [host, count, , report] = process.argv.slice(-4);
const require = createRequire(path.join(process.env.TRIO_BRIDGE_NODE_MODULES, "here.js"));
const axios = require("axios"); // the very instance that the SDK uses
const { DWClient, TOPIC_ROBOT } = require("dingtalk-stream");

// The SDK knows one gateway, and no option for another.
axios.interceptors.request.use((config) => ({
  ...config,
  url: config.url.replace("https://api.dingtalk.com", `http://${host}`),
  proxy: false,
}));

const total = Number(count);
const tenths = [Math.floor(total / 10), total - Math.floor(total / 10)];
const marks = [];
let handled = 0;

const client = new DWClient({ clientId: "dingfloodexample0001", clientSecret: "flood" });
client.registerCallbackListener(TOPIC_ROBOT, (message) => {
  client.socketCallBackResponse(message.headers.messageId, { success: true });
  handled += 1;
  if (handled === tenths[marks.length]) {
    const { user, system } = process.cpuUsage();
    marks.push((user + system) * 1000);
  }
  if (handled === total) {
    fs.writeSync(Number(report), JSON.stringify({ marks, handled, facts: {} }) + "\n");
  }
});
client.connect();

// The official Node SDK for DingTalk, unmodified, with a handler that acknowledges and does nothing else.

import { add, host, require } from "./progress.mjs";

const axios = require("axios"); // the very instance that the SDK uses
const { DWClient, TOPIC_ROBOT } = require("dingtalk-stream");

// The SDK knows one gateway, and no option for another.
axios.interceptors.request.use((config) => ({
  ...config,
  url: config.url.replace("https://api.dingtalk.com", `http://${host}`),
  proxy: false,
}));

const client = new DWClient({ clientId: "dingfloodexample0001", clientSecret: "flood" });
client.registerCallbackListener(TOPIC_ROBOT, (message) => {
  client.socketCallBackResponse(message.headers.messageId, { success: true });
  add("dingtalk-stream");
});
client.connect();

// What bots on Feishu's official Node SDK do, however they come to hear: they say it in lines of JSON.
//
// A message with "boom" in it makes the handler fail, one with "slow" keeps it busy. A press is answered with a toast.

import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const require = createRequire(`${process.env.TRIO_BRIDGE_NODE_MODULES}/`);
export const lark = require('@larksuiteoapi/node-sdk');

const SLOW = 1200; // ms: longer than the simulator waits where this is tried
const TOAST = { toast: { type: 'info', content: 'ok 好' } };
const PREVIEW = { inline: { title: 'a page' } };

export const say = (facts) => process.stdout.write(`${JSON.stringify(facts)}\n`);

async function obey(text) {
  if (text.includes('slow')) await sleep(SLOW);
  if (text.includes('boom')) throw new Error('boom, as told');
}

const RECORDED = {
  'im.message.receive_v1': async (data) => {
    say({ got: 'im.message.receive_v1', key: data.event_id, data: data.message });
    await obey(data.message.content);
  },
  'card.action.trigger': async (data) => {
    say({ got: 'card.action.trigger', key: data.event_id, data: data.action.value });
    return TOAST;
  },
};
const FULL = {
  ...RECORDED,
  message: async (data) => {
    say({ got: 'message', key: data.uuid, data });
    await obey(data.text);
  },
  'url.preview.get': async (data) => {
    say({ got: 'url.preview.get', key: data.event_id, data: data.context.url });
    return PREVIEW;
  },
};

// "recorded": the two of which there are recordings, or "full".
export const dispatcher = (handlers, encryptKey = '', verificationToken = '') =>
  new lark.EventDispatcher({ encryptKey, verificationToken }).register(handlers === 'full' ? FULL : RECORDED);

process.stdin.on('end', () => process.exit(0)).resume();

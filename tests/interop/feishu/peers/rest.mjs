// Calls by the official Node SDK: rest.mjs URL APP_ID APP_SECRET CHAT MESSAGE. It says what each came to.

import { lark, say } from './handlers.mjs';

const PICTURE = Buffer.concat([
  Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\n\0\0\0\n', 'latin1'),
  Buffer.from('x'.repeat(20)),
]);
const text = (content) => [{ tag: 'div', text: { tag: 'lark_md', content } }];
const oldCard = (content) => JSON.stringify({ config: { update_multi: true }, elements: text(content) });
const CARD = {
  schema: '2.0',
  config: { streaming_mode: true, update_multi: true },
  body: { elements: [{ tag: 'markdown', element_id: 'md', content: '' }] },
};

const [domain, appId, appSecret, chat, asked] = process.argv.slice(2);
const client = new lark.Client({ appId, appSecret, domain, loggerLevel: lark.LoggerLevel.error });
const { message, messageResource, image, file } = client.im.v1;
const { card, cardElement } = client.cardkit.v1;

async function told(call, promise) {
  const { code, msg, data } = await promise;
  say({ call, code, msg });
  return data;
}

async function send(call, msg_type, content, uuid) {
  const data = { receive_id: chat, msg_type, content, uuid };
  return (await told(call, message.create({ params: { receive_id_type: 'chat_id' }, data }))).message_id;
}

const greeting = JSON.stringify({ text: '你好 hi' });
const sent = await send('send', 'text', greeting, 'u-1');
say({ same: (await send('send again', 'text', greeting, 'u-1')) === sent });

const answer = { msg_type: 'text', content: JSON.stringify({ text: 'pong' }), uuid: 'u-2' };
await told('reply', message.reply({ path: { message_id: asked }, data: answer }));

const edit = { msg_type: 'text', content: JSON.stringify({ text: 'edited' }) };
await told('edit', message.update({ path: { message_id: sent }, data: edit }));
const seen = await told('get', message.get({ path: { message_id: sent } }));
say({ seen: seen.items[0].body.content });

const post = { zh_cn: { title: 't', content: [[{ tag: 'text', text: 'a post' }]] } };
await send('send post', 'post', JSON.stringify(post), 'u-6');
const shown = await send('send card', 'interactive', oldCard('1'), 'u-3');
await told('patch', message.patch({ path: { message_id: shown }, data: { content: oldCard('2') } }));

// Uploads and downloads come without a code: an upload is its data, a download a stream.
const { image_key } = await image.create({ data: { image_type: 'message', image: PICTURE } });
const held = await send('send image', 'image', JSON.stringify({ image_key }), 'u-4');
const path = { message_id: held, file_key: image_key };
const loaded = await messageResource.get({ path, params: { type: 'image' } });
const chunks = [];
for await (const chunk of loaded.getReadableStream()) chunks.push(chunk);
say({ same: Buffer.concat(chunks).equals(PICTURE) });
await file.create({ data: { file_type: 'pdf', file_name: '报告.pdf', file: Buffer.from('%PDF-1') } });

const { card_id } = await told('card', card.create({ data: { type: 'card_json', data: JSON.stringify(CARD) } }));
await send('show card', 'interactive', JSON.stringify({ type: 'card', data: { card_id } }), 'u-5');
let sequence = 0;
for (const content of ['Hel', 'Hello']) {
  sequence += 1;
  const data = { content, sequence, uuid: `c-${sequence}` };
  await told('stream', cardElement.content({ path: { card_id, element_id: 'md' }, data }));
}
const settings = JSON.stringify({ config: { streaming_mode: false } });
await told('settings', card.settings({ path: { card_id }, data: { settings, sequence: 3, uuid: 'c-3' } }));

await told('bot', client.request({ method: 'GET', url: '/open-apis/bot/v3/info' }));
await told('delete', message.delete({ path: { message_id: sent } }));
say({ done: true });

// @grpc/grpc-js through a router: `node client.js ADDRESS PROTO`; ends with 1 at the first surprise. NODE_PATH says where
// the library is.
'use strict';
const assert = require('node:assert');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, proto] = process.argv.slice(2);
const service = grpc.loadPackageDefinition(loader.loadSync(proto, { keepCase: true })).inference.GRPCInferenceService;
const options = { 'grpc.max_receive_message_length': -1, 'grpc.enable_http_proxy': 0 };
const client = new service(address, grpc.credentials.createInsecure(), options);

const row = (value) => Buffer.from(new Float32Array([value, value, value]).buffer);
const input = (name, datatype, shape) => ({ name, datatype, shape });
const sum = (value) => ({
  model_name: 'add',
  inputs: ['a', 'b'].map((name) => input(name, 'FP32', [1, 3])),
  raw_input_contents: [row(value), row(value)],
});
const isSum = (response, value) => response.raw_output_contents[0].equals(row(2 * value));
const asked = (id) => ({ model_name: 'digits', id });
const within = (s) => ({ deadline: Date.now() + s * 1000 });

// Resolves to what a call ended with, error or not.
function infer(request, { metadata = new grpc.Metadata(), timeout = 20, using = client, begun = () => {} } = {}) {
  return new Promise((resolve) => {
    const ended = {};
    const call = using.ModelInfer(request, metadata, within(timeout), (error, response) => {
      Object.assign(ended, { error, response });
      if (error) resolve(ended);
    });
    call.on('metadata', (initial) => (ended.initial = initial));
    call.on('status', (status) => {
      ended.trailing = status.metadata;
      setImmediate(() => resolve(ended));
    });
    begun(call);
  });
}

async function main() {
  assert(isSum((await infer(sum(1.5))).response, 1.5));
  const gzip = new service(address, grpc.credentials.createInsecure(), {
    ...options,
    'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
  });
  assert(isSum((await infer(sum(2.5), { using: gzip })).response, 2.5));
  gzip.close();

  const metadata = new grpc.Metadata();
  metadata.set('x-initial', 'yes');
  metadata.set('sent-bin', Buffer.from([0, 255]));
  const told = await infer(asked('echo'), { metadata });
  assert.ifError(told.error);
  assert.deepStrictEqual(told.initial.get('x-initial-back'), ['yes']);
  assert.deepStrictEqual(told.trailing.get('x-trailer'), ['kept']);
  assert(told.trailing.get('endpoint-load-metrics-bin')[0].length > 0);

  const refused = (await infer(asked('refuse FAILED_PRECONDITION'))).error;
  assert.strictEqual(refused.code, grpc.status.FAILED_PRECONDITION);
  assert.strictEqual(refused.details, 'as you wish');

  assert.strictEqual((await infer(asked('hang'), { timeout: 0.3 })).error.code, grpc.status.DEADLINE_EXCEEDED);
  const cancelled = await infer(asked('hang'), { begun: (call) => setTimeout(() => call.cancel(), 300) });
  assert.strictEqual(cancelled.error.code, grpc.status.CANCELLED);

  const stream = client.ModelStreamInfer(within(20));
  for (let i = 0; i < 20; i++) stream.write(sum(i));
  stream.end();
  let count = 0;
  for await (const { infer_response: response } of stream) assert(isSum(response, count++));
  assert.strictEqual(count, 20);

  const bytes = Buffer.alloc(60_000_000, 'z');
  const echo = { model_name: 'echo', inputs: [input('x', 'UINT8', [1, bytes.length])], raw_input_contents: [bytes] };
  const large = await infer(echo, { timeout: 60 });
  assert.ifError(large.error);
  assert(large.response.raw_output_contents[0].equals(bytes));

  const all = await Promise.all(Array.from({ length: 1000 }, () => infer(sum(2), { timeout: 50 })));
  assert(all.every(({ error, response }) => !error && isSum(response, 2)));
  client.close();
  process.stdout.write('done\n');
}

main().catch((problem) => {
  console.error(problem);
  process.exit(1);
});

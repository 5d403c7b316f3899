// The TypeScript SDK's own client, over stdio (COMMAND ...) or HTTP (URL). Prints what it saw.
import { pathToFileURL } from "node:url";
const [sdk, ...target] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${sdk}/dist/esm/client/${path}.js`).href);
const { Client } = await load("index");
let transport;
if (target[0].startsWith("http")) {
  const { StreamableHTTPClientTransport } = await load("streamableHttp");
  transport = new StreamableHTTPClientTransport(new URL(target[0]));
} else {
  const { StdioClientTransport } = await load("stdio");
  transport = new StdioClientTransport({ command: target[0], args: target.slice(1) });
}
const client = new Client({ name: "ts-sdk", version: "1.0.0" });
const patience = { timeout: 120000 };
await client.connect(transport, patience);
const progress = [];
const call = (name, args) =>
  client.callTool({ name, arguments: args }, undefined, {
    ...patience,
    onprogress: (one) => progress.push(one.message),
  });
const { tools } = await client.listTools(undefined, patience);
const listed = await call("fetch_newsletters", { limit: 50 });
const report = await call("build_report", {});
const read = await client.readResource({ uri: report.structuredContent.uri }, patience);
const prompt = await client.getPrompt({ name: "morning_briefing", arguments: {} }, patience);
console.log(
  JSON.stringify({
    tools: tools.map((tool) => tool.name),
    documents: listed.structuredContent.documents.length,
    items: report.structuredContent.counts.items,
    progress: progress.length,
    resource: read.contents[0].text,
    prompt: prompt.messages[0].content.text,
  }),
);
await client.close();

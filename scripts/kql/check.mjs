// Puts every KQL text of the named files to Microsoft's own parser, with the
// schemas of the tables: a query is sound where it parses and analyses without an
// error in one of the places it may run. The files are cases (case.json) or what
// netcase queries --json prints.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expected, places } from "./schemas.mjs";

const require = createRequire(import.meta.url);
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
const { KustoCode, GlobalState, Symbols, Editor } = globalThis.Kusto.Language;

// list is an array out of a list of the parser's runtime.
const list = (items) => Array.from({ length: items.Count }, (_, i) => items.getItem(i));

const schema = (columns) => `(${columns.map(([name, type]) => `['${name}']: ${type}`).join(", ")})`;

// globals is what the parser knows of a place. It is closed: a table or column that
// is not declared is an error.
function globals(name, { tables, sessions }) {
  const symbols = Object.entries(tables).map(([table, columns]) => new Symbols.TableSymbol.$ctor7(table, schema(columns), ""));
  for (const [session, columns] of Object.entries(sessions)) {
    symbols.push(new Symbols.FunctionSymbol.$ctor16(session,
      "(starttime: datetime = datetime(null), endtime: datetime = datetime(null))",
      `{ datatable ${schema(columns)} [] }`, ""));
  }
  return GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1(name, symbols, false));
}

const where = Object.entries(places).map(([name, place]) => [name, globals(name, place)]);

// blocks are the queries of a text: an editor runs what stands between blank lines.
const blocks = (text) => list(Editor.CodeScript.From$1(text).Blocks)
  .map((block) => block.Text)
  .filter((part) => part.split("\n").some((line) => line.trim() !== "" && !line.trim().startsWith("//")));

// errors are the errors of one query in one place, as "line:column message".
function errors(text, known) {
  const found = list(KustoCode.ParseAndAnalyze(text, known).GetDiagnostics()).filter((d) => d.Severity === "Error");
  return found.map((d) => {
    const before = text.slice(0, d.Start).split("\n");
    return `${before.length}:${before.at(-1).length + 1} ${d.Message} [${d.Code}] at ${JSON.stringify(text.substr(d.Start, Math.min(d.Length, 60)))}`;
  });
}

// complaints is empty for a sound text; else the errors of the place that has least.
function complaints(text) {
  const parts = blocks(text);
  if (parts.length === 0) return ["no query in it"];
  return parts.flatMap((part) => where
    .map(([name, known]) => errors(part, known).map((e) => `${name}: ${e}`))
    .reduce((best, next) => (next.length < best.length ? next : best)));
}

// texts are the KQL texts of a file, each with the place it stands at.
function texts(file) {
  const content = JSON.parse(readFileSync(file, "utf8"));
  if (Array.isArray(content)) return content.filter((q) => q.language === "kql").map((q) => ({ kind: "queries", at: `${file}: ${q.title}`, text: q.text }));
  const out = [];
  const add = (kind, name, text) => text && out.push({ kind, at: `${file}: ${kind} ${name}`, text });
  for (const q of content.queries ?? []) if (q.language === "kql") add("query", q.title, q.text);
  for (const a of content.actions ?? []) add("verify", a.id, a.verify);
  for (const g of content.gaps ?? []) if (g.language === "kql") add("gap", g.source, g.query);
  for (const i of content.coverage?.inputs ?? []) add("cut", i.name, i.cut_query);
  return out;
}

// selfTest proves that the parser and the schemas refuse what is wrong.
function selfTest() {
  const good = [
    "SecurityEvent | where EventID == 4625 | summarize n = count() by IpAddress",
    "DeviceInfo | where Timestamp > ago(1d) | summarize arg_max(Timestamp, OSPlatform) by DeviceId",
    "_Im_NetworkSession(starttime=ago(1d)) | summarize sum(EventCount) by DvcAction",
    "// two queries\nSyslog | count\n\nEvent | count",
  ];
  const bad = {
    "an unknown column": "SecurityEvent | where NoSuchColumn == 1",
    "an unknown column of a function": "_Im_NetworkSession() | where NoSuchColumn == 1",
    "an unknown table": "NoSuchTable | take 1",
    "an unknown operator": "SecurityEvent | wherever EventID == 4625",
    "a comparison of types that have none": "SecurityEvent | where TimeGenerated > \"yesterday\" + 1",
    "a keyword in place of a name": "SecurityEvent | summarize by = count() by",
    "the time columns of two places": "DeviceInfo | where Timestamp > ago(1d) and TimeGenerated > ago(1d)",
    "two queries run together": "Syslog | count\nlet a = 1;\nEvent | count",
  };
  const wrong = good.flatMap((q) => complaints(q).map((c) => `refused: ${q}: ${c}`));
  for (const [what, q] of Object.entries(bad)) if (complaints(q).length === 0) wrong.push(`let pass ${what}: ${q}`);
  return wrong;
}

// tablesOf are the expected names that a text asks.
const tablesOf = (text) => expected.filter((name) => new RegExp(`(^|[\\s(])${name}\\b`, "m").test(text));

function main(files) {
  const broken = selfTest();
  if (broken.length > 0) {
    console.error(`the check itself is broken:\n${broken.join("\n")}`);
    return 1;
  }
  const all = files.flatMap(texts);
  const seen = new Map(); // text to where it stands: cases repeat their queries
  for (const { at, text } of all) seen.set(text, [...(seen.get(text) ?? []), at]);
  let failed = 0;
  for (const [text, at] of seen) {
    const wrong = complaints(text);
    if (wrong.length === 0) continue;
    failed++;
    console.error(`${at.join("\n")}\n  ${wrong.join("\n  ")}\n${text.replace(/^/gm, "    ")}\n`);
  }
  const kinds = ["queries", "query", "verify", "gap", "cut"].map((kind) => [kind, all.filter((q) => q.kind === kind).length]);
  const asked = new Set([...seen.keys()].flatMap(tablesOf));
  const unread = [...expected.filter((name) => !asked.has(name)), ...kinds.filter(([, n]) => n === 0).map(([kind]) => `${kind} texts`)];
  if (unread.length > 0) console.error(`not met, so not checked: ${unread.join(", ")}`);
  console.log(`kql: ${all.length} texts (${kinds.map(([kind, n]) => `${kind} ${n}`).join(", ")}), of ${seen.size} different ones the parser refuses ${failed}`);
  return failed > 0 || unread.length > 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));

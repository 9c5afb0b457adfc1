// What an analyst who knows DuckDB would write instead: one query that reads the
// files and groups them by hour, ends, service, protocol and outcome.
// node duckdb.mjs FORMAT THREADS PATTERN prints {"rows":…,"groups":…}.
import { DuckDBInstance } from '@duckdb/node-api';

const [format, threads, pattern] = process.argv.slice(2);

const zeek = {
  ts: 'DOUBLE', uid: 'VARCHAR', orig_h: 'VARCHAR', orig_p: 'INTEGER', resp_h: 'VARCHAR', resp_p: 'INTEGER', proto: 'VARCHAR',
  service: 'VARCHAR', duration: 'DOUBLE', orig_bytes: 'BIGINT', resp_bytes: 'BIGINT', conn_state: 'VARCHAR', local_orig: 'VARCHAR',
  local_resp: 'VARCHAR', missed_bytes: 'BIGINT', history: 'VARCHAR', orig_pkts: 'BIGINT', orig_ip_bytes: 'BIGINT',
  resp_pkts: 'BIGINT', resp_ip_bytes: 'BIGINT', tunnel_parents: 'VARCHAR',
};
const columns = (all) => `{${Object.entries(all).map(([n, t]) => `'${n}': '${t}'`).join(', ')}}`;

const flows = {
  zeek: `SELECT ts AS t, orig_h AS src, resp_h AS dst, resp_p AS port, proto, conn_state AS outcome,
      orig_bytes AS bo, resp_bytes AS bi, orig_pkts AS po, resp_pkts AS pi, 1 AS n
    FROM read_csv('${pattern}', auto_detect=false, delim='\t', header=false, comment='#', nullstr='-', quote='', escape='', columns=${columns(zeek)})`,
  defender: `SELECT epoch(CAST("Timestamp" AS TIMESTAMP)) AS t,
      CASE WHEN ActionType = 'InboundConnectionAccepted' THEN RemoteIP ELSE LocalIP END AS src,
      CASE WHEN ActionType = 'InboundConnectionAccepted' THEN LocalIP ELSE RemoteIP END AS dst,
      CASE WHEN ActionType = 'InboundConnectionAccepted' THEN LocalPort ELSE RemotePort END AS port,
      Protocol AS proto, ActionType AS outcome, NULL::BIGINT AS bo, NULL::BIGINT AS bi, NULL::BIGINT AS po, NULL::BIGINT AS pi, 1 AS n
    FROM read_csv('${pattern}', header=true, all_varchar=true)`,
  'azure-traffic': `SELECT epoch(strptime("FlowStartTime_t [UTC]", '%-m/%-d/%Y, %-I:%M:%S.%g %p')) AS t,
      coalesce(nullif(SrcIP_s, ''), split_part(SrcPublicIPs_s, '|', 1)) AS src,
      coalesce(nullif(DestIP_s, ''), split_part(DestPublicIPs_s, '|', 1)) AS dst,
      DestPort_d AS port, L4Protocol_s AS proto, FlowStatus_s AS outcome,
      TRY_CAST(OutboundBytes_d AS BIGINT) AS bo, TRY_CAST(InboundBytes_d AS BIGINT) AS bi,
      TRY_CAST(OutboundPackets_d AS BIGINT) AS po, TRY_CAST(InboundPackets_d AS BIGINT) AS pi,
      coalesce(TRY_CAST(AllowedInFlows_d AS BIGINT), 0) + coalesce(TRY_CAST(DeniedInFlows_d AS BIGINT), 0)
      + coalesce(TRY_CAST(AllowedOutFlows_d AS BIGINT), 0) + coalesce(TRY_CAST(DeniedOutFlows_d AS BIGINT), 0) AS n
    FROM read_csv('${pattern}', header=true, all_varchar=true)`,
  'azure-nsg': `SELECT c[1]::BIGINT AS t, c[2] AS src, c[3] AS dst, c[5]::INTEGER AS port, c[6] AS proto, c[8] AS outcome,
      TRY_CAST(c[11] AS BIGINT) AS bo, TRY_CAST(c[13] AS BIGINT) AS bi, TRY_CAST(c[10] AS BIGINT) AS po, TRY_CAST(c[12] AS BIGINT) AS pi,
      CASE WHEN c[9] IN ('B', '') THEN 1 ELSE 0 END AS n
    FROM (SELECT string_split(unnest(f.flowTuples), ',') AS c FROM (SELECT unnest(g.flows) AS f FROM (
      SELECT unnest(r.properties.flows) AS g FROM (SELECT unnest(records) AS r FROM read_json('${pattern}', maximum_object_size=1073741824,
        columns={'records': 'STRUCT(properties STRUCT(flows STRUCT(rule VARCHAR, flows STRUCT(flowTuples VARCHAR[])[])[]))[]'})))))`,
  'suricata-eve': `SELECT epoch(strptime("timestamp", '%Y-%m-%dT%H:%M:%S.%f%z')) AS t, src_ip AS src, dest_ip AS dst, dest_port AS port, proto,
      flow.state AS outcome, flow.bytes_toserver AS bo, flow.bytes_toclient AS bi, flow.pkts_toserver AS po, flow.pkts_toclient AS pi, 1 AS n
    FROM read_json('${pattern}', format='newline_delimited', columns={'timestamp': 'VARCHAR', 'event_type': 'VARCHAR', 'src_ip': 'VARCHAR',
      'dest_ip': 'VARCHAR', 'dest_port': 'INTEGER', 'proto': 'VARCHAR',
      'flow': 'STRUCT(state VARCHAR, bytes_toserver BIGINT, bytes_toclient BIGINT, pkts_toserver BIGINT, pkts_toclient BIGINT)'})
    WHERE event_type = 'flow'`,
}[format];

const db = await DuckDBInstance.create(':memory:', { threads });
const c = await db.connect();
await c.run('SET preserve_insertion_order=false');
const out = await c.runAndReadAll(`
  WITH g AS (SELECT CAST(floor(t / 3600) AS BIGINT) AS hour, src, dst, port, proto, outcome, sum(n) AS flows, count(*) AS records,
      sum(bo) AS bo, sum(bi) AS bi, sum(po) AS po, sum(pi) AS pi, min(t) AS first, max(t) AS last FROM (${flows}) GROUP BY ALL)
  SELECT sum(records)::BIGINT AS rows, count(*) AS groups, sum(flows)::BIGINT AS flows FROM g`);
const row = out.getRowObjects()[0];
console.log(JSON.stringify({ rows: Number(row.rows), groups: Number(row.groups), flows: Number(row.flows) }));

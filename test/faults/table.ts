/** What one fault did. */
export type Cost = {
  fault: string;
  events: number;
  lost: number;
  doubled: number;
  /** Rows that nothing will move. */
  stuck: number;
  /** Requests that came again after one that had succeeded: the receiver knows them by their key. */
  repeated: number;
  /** Attempts that were lost with their workers: each costs its delivery one of its retries. */
  cutOff: number;
  /** From the end of the fault to when nothing was under way. */
  seconds: number;
  /** The most seconds from when a delivery was due to its first request. */
  slowest: number;
  /** The most seconds by which a retry came after its time. */
  latest: number;
};

/** A line of the table; or why this machine does not let the fault happen. */
export type Line = Cost | { fault: string; not: string };

const HEAD = [
  'fault',
  'events',
  'lost',
  'doubled',
  'stuck',
  'repeated requests',
  'attempts cut off',
  'seconds to recover',
  'slowest request',
  'latest retry',
];

/** A table in Markdown, columns aligned. */
export function tableOf(lines: Line[]): string {
  const rows = [HEAD, ...lines.map(cellsOf)];
  const widths = HEAD.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const shown = rows.map((row) => `| ${widths.map((width, at) => (row[at] ?? '').padEnd(width)).join(' | ')} |`);
  return [shown[0], `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...shown.slice(1)].join('\n');
}

function cellsOf(line: Line): string[] {
  if ('not' in line) return [line.fault, `not possible here: ${line.not}`];
  const { fault, events, lost, doubled, stuck, repeated, cutOff, seconds, slowest, latest } = line;
  return [
    fault,
    ...[events, lost, doubled, stuck, repeated, cutOff].map(String),
    ...[seconds, slowest, latest].map((s) => s.toFixed(1)),
  ];
}

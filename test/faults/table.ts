/** What one fault did, as a line of the table. */
export type Line = {
  fault: string;
  events: number;
  lost: number;
  doubled: number;
  /** Requests that came again after one that had succeeded: the receiver knows them by their key. */
  repeated: number;
  /** From the end of the fault to when nothing was under way. */
  seconds: number;
  /** In the place of figures, where the machine does not let it happen. */
  not?: string;
};

const HEAD = ['fault', 'events', 'lost', 'doubled', 'repeated requests', 'seconds to recover'];

/** A table in Markdown, columns aligned. */
export function tableOf(lines: Line[]): string {
  const rows = [
    HEAD,
    ...lines.map(({ fault, not, ...figures }) =>
      not === undefined
        ? [
            fault,
            ...[figures.events, figures.lost, figures.doubled, figures.repeated].map(String),
            figures.seconds.toFixed(1),
          ]
        : [fault, `not possible here: ${not}`, '', '', '', ''],
    ),
  ];
  const widths = HEAD.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const shown = rows.map((row) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`);
  return [shown[0], `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...shown.slice(1)].join('\n');
}

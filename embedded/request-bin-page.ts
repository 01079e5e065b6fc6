import type { BinRequest } from './request-bin.ts';

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** The page that shows what the request bin received. Everything in it is escaped: it all comes from outside. */
export function requestBinPage(requests: BinRequest[]): string {
  const count = requests.length === 1 ? '1 request' : `${requests.length} requests`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Request bin</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
article { border-top: 1px solid #ddd; padding: 1rem 0 }
h2 { font-size: 1rem; margin: 0 }
time, summary { color: #666 }
pre { background: #f5f5f5; padding: .75rem; overflow-x: auto; margin: .5rem 0 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } pre { background: #252525 } article { border-color: #333 } }
</style>
</head>
<body>
<h1>Request bin</h1>
<p>${count}, newest first. Send webhooks to <code>/bin/</code> and any path below it; <code>?status=500&amp;delay=5s</code> sets the answer. Load this page again to see more.</p>
${requests.map(article).join('\n')}
</body>
</html>
`;
}

function article(request: BinRequest): string {
  const query = Object.keys(request.query).length > 0 ? ` ${JSON.stringify(request.query)}` : '';
  const body = typeof request.body === 'string' ? request.body : JSON.stringify(request.body, undefined, 2);
  return `<article>
<h2>${escape(`${request.method} ${request.path}${query}`)}</h2>
<time>${escape(request.receivedAt)}</time> · ${escape(request.id)}
<pre>${escape(body)}${request.truncated ? '\n… only the beginning was kept' : ''}</pre>
<details><summary>Headers</summary><pre>${escape(JSON.stringify(request.headers, undefined, 2))}</pre></details>
</article>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

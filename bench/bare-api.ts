import express from 'express';
import postgres from 'postgres';

/** The baseline's API: a handler in a process of its own that inserts one row, with as many connections as Hookline's server has. */
const [port = '', databaseUrl = ''] = process.argv.slice(2);
const sql = postgres(databaseUrl, { max: 20 });
await sql`create table if not exists bare_events (id bigserial primary key, person text, name text, data json, received_at timestamptz)`;
const app = express();
app.use(express.json());
app.post('/events', async (request, response) => {
  const { person, name, data } = request.body;
  const [row] = await sql`
    insert into bare_events (person, name, data, received_at) values (${person}, ${name}, ${data}, now()) returning id`;
  response.status(202).json({ accepted: 1, ids: [row?.id] });
});
app.listen(Number(port), '127.0.0.1', () => process.send?.({ type: 'ready' }));

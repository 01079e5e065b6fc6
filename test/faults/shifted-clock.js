/** Loaded before a program and its threads: their clock is off by so many milliseconds. */
const OFF_MS = Number(process.env['TEST_CLOCK_OFF_MS']);
const RealDate = Date;
const now = () => RealDate.now() + OFF_MS;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, words, asked) => Reflect.construct(target, words.length === 0 ? [now()] : words, asked),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

/** Linux signal numbers on every architecture but MIPS, PA-RISC, Alpha and SPARC, where containers are not run. */
const signals: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
  UNUSED: 31,
};

/** glibc keeps the first two real-time signals for itself. */
const realTimeMin = 34;
const realTimeMax = 64;

/**
 * The number of a signal as people and image configurations (`StopSignal`) write it: a number, a name with or without SIG in any
 * case, or RTMIN+n / RTMAX-n. Undefined for anything else.
 */
export function signalNumber(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : named(text.toUpperCase().replace(/^SIG/, ""));
  return number === undefined || number < 1 || number > realTimeMax ? undefined : number;
}

function named(name: string): number | undefined {
  if (Object.hasOwn(signals, name)) return signals[name];
  const match = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (!match) return undefined;
  const base = match[1] === "MIN" ? realTimeMin : realTimeMax;
  if (!match[2]) return base;
  if ((match[1] === "MIN") !== (match[2] === "+")) return undefined;
  const number = match[2] === "+" ? base + Number(match[3]) : base - Number(match[3]);
  return number >= realTimeMin && number <= realTimeMax ? number : undefined;
}

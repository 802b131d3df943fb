/** Linux signal names by number, from 1 on. Source: signal(7), x86 and ARM. */
export const signalNames =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );

/** The number of a signal; 0 for a name that is none. */
export const signalNumber = (name: string): number => signalNames.indexOf(name) + 1;

/** A signal as operators read it: `signal 9 (SIGKILL)`. */
export function formatSignal(number: number): string {
  const name = signalNames[number - 1];
  return name === undefined ? `signal ${number}` : `signal ${number} (SIG${name})`;
}

/** The name of a signal, `SIGKILL`; real-time signals have none but their number: `SIG40`. */
export const signalName = (number: number): string => `SIG${signalNames[number - 1] ?? number}`;

import { signalNumber } from '../../core/model/signal-names.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';

/** Whether a process has a handler for this signal, or ignores it. Source: proc_pid_status(5), SigCgt and SigIgn. */
export function mindsSignal(pid: number, signal: string): boolean {
  const status = readOrEmpty(`/proc/${pid}/status`);
  const bit = BigInt(signalNumber(signal) - 1);
  return ['SigCgt', 'SigIgn'].some((set) => {
    const [, mask = '0'] = new RegExp(`^${set}:\\s+([0-9a-f]+)$`, 'm').exec(status) ?? [];
    return ((BigInt(`0x${mask}`) >> bit) & 1n) === 1n;
  });
}

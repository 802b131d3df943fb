export interface TcpAddress {
  /** An IP address, or a name. */
  readonly host: string;
  /** 0 is any that is free. */
  readonly port: number;
}

/** Examples in the help and the pages, and what `install` suggests. 9464 is the usual port of an exporter for Prometheus. */
export const controlAddress = '127.0.0.1:7001';
export const metricsAddress = '127.0.0.1:9464';
export const pageAddress = '127.0.0.1:9001';

/** Reads `127.0.0.1:7001`, `[::1]:7001`, or `7001`, which is that port of 127.0.0.1. */
export function parseTcpAddress(text: string): TcpAddress | undefined {
  const match = /^(?:(?:\[([\da-f:.]+)\]|([^\s:]+)):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}

export const formatTcpAddress = ({ host, port }: TcpAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

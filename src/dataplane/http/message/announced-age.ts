// For how long the other side says that it keeps a connection that rests.

/** Value of a Keep-Alive field in milliseconds; -1 when it names no timeout (RFC 2068 §19.7.1). */
export function announcedAge(value: string): number {
  const match = /(?:^|[,\t ])timeout[\t ]*=[\t ]*"?([0-9]{1,9})/i.exec(value);
  return match === null ? -1 : Number(match[1]) * 1000;
}

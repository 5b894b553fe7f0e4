// The Date field of responses (RFC 9110 §6.6.1), made anew once a second.

let dateLine = '';
let dateSecond = 0;

/** `Date` of the present second. */
export function currentDateLine(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `Date: ${new Date(wallMs).toUTCString()}\r\n`;
  }
  return dateLine;
}

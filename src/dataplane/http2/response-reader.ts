// Makes a response head of a decoded header list, RFC 9113 §8.3.2, as strictly as the HTTP/1.1 parser does.

import { lengthOf } from '../http/message/content-length.ts';
import type { HeaderList } from '../http/message/header-list.ts';
import { H_CONTENT_LENGTH, H_HOP_BY_HOP, H_TE, headerName } from '../http/message/header-names.ts';
import { type Field, FIELD_REGULAR, FIELD_STATUS } from './hpack/field.ts';
import type { FieldReceiver } from './hpack/hpack-decoder.ts';

const STATUS = /^[1-9][0-9]{2}$/;
/** Beside the numbers of header-names.ts. */
const TAG_CONTENT_TYPE = 100;

function tagOf(field: Field): number {
  let tag = field.tag;
  if (tag < 0) {
    // A regular field's name is a token.
    tag = field.name === 'content-type' ? TAG_CONTENT_TYPE : headerName(field.name)!.id;
    field.tag = tag;
  }
  return tag;
}

/** One per connection; holds the head being decoded. */
export class Http2ResponseReader implements FieldReceiver {
  status = 0;
  /** Content-Length, or -1. */
  contentLength = -1;
  isEventStream = false;
  isMalformed = false;
  private hasRegular = false;
  private headers: HeaderList | null = null;

  /** Fields that follow go to `headers`, as far as they are passed on. */
  begin(headers: HeaderList): void {
    this.headers = headers;
    this.status = 0;
    this.contentLength = -1;
    this.isEventStream = false;
    this.isMalformed = false;
    this.hasRegular = false;
  }

  /** The list is complete; false when it is no response. */
  finish(): boolean {
    this.headers = null;
    // RFC 9113 §8.6: there is nothing to switch to.
    return !this.isMalformed && this.status !== 0 && this.status !== 101;
  }

  field(field: Field): void {
    if (field.kind === FIELD_REGULAR) {
      this.hasRegular = true;
      this.regular(field, this.headers!);
      return;
    }
    if (field.kind !== FIELD_STATUS || this.status !== 0 || this.hasRegular || !STATUS.test(field.value)) {
      this.isMalformed = true;
      return;
    }
    this.status = Number(field.value);
  }

  private regular(field: Field, headers: HeaderList): void {
    switch (tagOf(field)) {
      case H_CONTENT_LENGTH: {
        const length = lengthOf(field.value);
        if (length < 0 || (this.contentLength >= 0 && this.contentLength !== length)) this.isMalformed = true;
        else this.contentLength = length;
        return;
      }
      case H_TE:
      case H_HOP_BY_HOP:
        return;
      case TAG_CONTENT_TYPE:
        if (/^text\/event-stream\b/i.test(field.value)) this.isEventStream = true;
        break;
      default:
    }
    headers.appendLine(field.name, field.line);
  }
}

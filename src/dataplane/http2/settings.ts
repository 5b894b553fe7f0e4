// SETTINGS of both sides (RFC 9113 §6.5): what the peer says, checked, and what this side says.

import { readUint32 } from './frame-reader.ts';
import {
  DEFAULT_HEADER_TABLE_BYTES,
  DEFAULT_WINDOW,
  FLOW_CONTROL_ERROR,
  MAX_FRAME_BYTES,
  MAX_WINDOW,
  NO_ERROR,
  PROTOCOL_ERROR,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_MAX_HEADER_LIST_SIZE,
} from './protocol.ts';

/** What the peer has said so far. */
export class PeerSettings {
  headerTableBytes = DEFAULT_HEADER_TABLE_BYTES;
  /** Streams it accepts; no limit until it sets one. */
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  initialWindow = DEFAULT_WINDOW;
  maxHeaderListBytes = Number.POSITIVE_INFINITY;
  enableConnectProtocol = false;
  private readonly isServer: boolean;

  /** Whether the peer is a server. */
  constructor(isServer: boolean) {
    this.isServer = isServer;
  }

  /** Takes over the settings in `payload[start, end)`; returns the code of a connection error. */
  apply(payload: Buffer, start: number, end: number): number {
    for (let at = start; at < end; at += 6) {
      const value = readUint32(payload, at + 2);
      switch ((payload[at]! << 8) | payload[at + 1]!) {
        case SETTINGS_HEADER_TABLE_SIZE:
          this.headerTableBytes = value;
          break;
        case SETTINGS_ENABLE_PUSH:
          // RFC 9113 §6.5.2: pushing is the client's to allow.
          if (value > 1 || (value === 1 && this.isServer)) return PROTOCOL_ERROR;
          break;
        case SETTINGS_MAX_CONCURRENT_STREAMS:
          this.maxConcurrentStreams = value;
          break;
        case SETTINGS_INITIAL_WINDOW_SIZE:
          if (value > MAX_WINDOW) return FLOW_CONTROL_ERROR;
          this.initialWindow = value;
          break;
        case SETTINGS_MAX_FRAME_SIZE:
          // Only checked: frames of the smallest maximum suit every peer.
          if (value < MAX_FRAME_BYTES || value > 0xff_ffff) return PROTOCOL_ERROR;
          break;
        case SETTINGS_MAX_HEADER_LIST_SIZE:
          this.maxHeaderListBytes = value;
          break;
        case SETTINGS_ENABLE_CONNECT_PROTOCOL:
          // RFC 8441 §3: once said, it may not be taken back.
          if (value > 1 || (value === 0 && this.enableConnectProtocol)) return PROTOCOL_ERROR;
          this.enableConnectProtocol = value === 1;
          break;
        default:
        // RFC 9113 §6.5.2: unknown ones are ignored.
      }
    }
    return NO_ERROR;
  }
}

/** One setting of this side. */
export type Setting = readonly [id: number, value: number];

// One conversation as the client sees it: a room or a pair of users, its messages, and how far they are known.

import { Timeline } from './timeline.js';

export const keyOf = (kind, name) => `${kind}:${name}`;

export class Conversation {
  /** `kind` is `room` or `direct`; `name` the room, or the other user. */
  constructor(kind, name, limits) {
    this.kind = kind;
    this.name = name;
    this.key = keyOf(kind, name);
    this.timeline = new Timeline(limits);
    /** Rooms only: `no`, `asking`, `yes` or `refused`. */
    this.joined = 'no';
    /** Why the room was refused, or its history could not be read. */
    this.error = null;
    /** True while history up to the live stream is known on this connection. */
    this.live = false;
    /** `createTime` up to which nothing is missing; null before the first fill. */
    this.mark = null;
    /** Older messages than the oldest here can be asked for. */
    this.hasMore = false;
    this.loading = false;
    /** The history came from a hub whose storage is away, and may be short. */
    this.degraded = false;
  }

  /** The fields that address a frame to this conversation. */
  get address() {
    return this.kind === 'room' ? { room: this.name } : { toUser: this.name };
  }

  /** Notes that the connection ended: what arrives from now on has to be asked for. */
  disconnected() {
    this.live = false;
    if (this.joined !== 'refused') this.joined = 'no';
  }
}

/** A confirmed message from a frame, or null when the frame lacks what a message needs. */
export function messageOf(frame, userId) {
  if (typeof frame?.messageId !== 'string' || typeof frame.createTime !== 'string') return null;
  return {
    id: frame.messageId,
    type: frame.type,
    fromUser: frame.fromUser ?? '',
    payload: frame.payload !== null && typeof frame.payload === 'object' ? frame.payload : {},
    createTime: frame.createTime,
    mine: frame.fromUser === userId,
  };
}

/** Which conversation a chat frame belongs to. */
export function placeOf(frame, userId) {
  if (typeof frame.room === 'string') return { kind: 'room', name: frame.room };
  const name = frame.fromUser === userId ? frame.toUser : frame.fromUser;
  return typeof name === 'string' ? { kind: 'direct', name } : null;
}

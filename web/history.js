// Reading the past of a conversation: what was missed while away, and older pages on demand.

/**
 * Fills in what was missed since `conversation.mark` by paging back until a message at or before it is met.
 * The pages are merged together, so the timeline never shows a hole. Bounded by `fillPagesMax`: when the mark
 * is not met within it, what lies before the gap is dropped and can be read again as older history.
 * `fetchPage({limit, before})` gives `{messages (oldest first), hasMore, degraded}`. Returns the new messages.
 */
export async function fillMissed(conversation, fetchPage, limits, pageSize = limits.pageSize) {
  const { mark, timeline } = conversation;
  const found = [];
  let before;
  let page;
  let met = false;
  let degraded = false;
  for (let pages = 0; pages < limits.fillPagesMax; pages += 1) {
    page = await fetchPage({ limit: pageSize, before });
    found.unshift(...page.messages);
    degraded ||= page.degraded;
    before = found[0]?.createTime;
    met = mark === null || found.some((message) => message.createTime <= mark);
    if (met || !page.hasMore || page.messages.length === 0) break;
  }
  const gap = !met && page.hasMore && found.length > 0;
  if (gap) timeline.dropBefore(before);
  const added = timeline.merge(found);
  if (mark === null || gap) conversation.hasMore = page.hasMore;
  if (timeline.trimmed) conversation.hasMore = true;
  conversation.degraded = degraded;
  // A short history from a degraded hub proves nothing: the same stretch is asked for again later.
  if (!degraded) conversation.mark = timeline.newest?.createTime ?? mark ?? '';
  return added;
}

/** Reads one page older than the oldest message here. Returns the new messages. */
export async function readOlder(conversation, fetchPage, pageSize) {
  const { timeline } = conversation;
  if (!timeline.oldest || timeline.full) return [];
  const page = await fetchPage({ limit: pageSize, before: timeline.oldest.createTime });
  const added = timeline.merge(page.messages);
  conversation.hasMore = page.hasMore && page.messages.length > 0;
  return added;
}

/** One page out of a `recent_messages` or `direct_messages` payload, whichever way round it came. */
export function pageOf(payload, limit, toMessage) {
  const messages = (payload.messages ?? []).map(toMessage).filter((message) => message !== null);
  messages.sort((a, b) => (a.createTime < b.createTime ? -1 : a.createTime > b.createTime ? 1 : 0));
  return {
    messages,
    hasMore: payload.hasMore ?? messages.length >= limit,
    degraded: payload.degraded === true,
  };
}

//! Which logs a call trace has, and their numbers.

use revm_inspectors::tracing::types::{CallTraceNode, TraceMemberOrder};

/// Numbers the logs of a transaction that stay as the block does, in which there are so many before it, as geth has it: what was
/// undone is not counted, and a root that failed has none. Alone, the root has all its logs before the calls that it does not show.
pub(super) fn number(frames: &mut [CallTraceNode], alone: bool, before: u64) {
    let mut next = before;
    // The frame, and how far its members were looked at.
    let mut open = vec![(0, 0)];
    while let Some((index, place)) = open.pop() {
        let Some(frame) = frames.get_mut(index) else { continue };
        if !frame.trace.success {
            frame.logs.clear();
            continue;
        }
        let Some(member) = frame.ordering.get(place) else { continue };
        open.push((index, place + 1));
        match *member {
            TraceMemberOrder::Log(log) => {
                if let Some(log) = frame.logs.get_mut(log) {
                    log.index = next;
                    next += 1;
                    if alone {
                        log.position = 0;
                    }
                }
            }
            TraceMemberOrder::Call(child) => open.extend(frame.children.get(child).map(|child| (*child, 0))),
            TraceMemberOrder::Step(_) => {}
        }
    }
}

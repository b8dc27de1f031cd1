//! The network within one process: for development nodes, and, with faults of a seed, for tests.
//!
//! With [`Faults`] it loses, delays and repeats messages as its seed says. Delay is counted in messages, not in time, so that
//! one seed gives one order in a test that runs on one thread.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::{Message, Network};

/// Messages that wait for one that does not listen; the oldest go first.
const MOST_WAITING: usize = 4_096;

/// What goes wrong, out of a thousand messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Where the chances come from.
    pub seed: u64,
    /// So many are lost.
    pub lost: u64,
    /// So many overtake up to eight others, which are so much later.
    pub delayed: u64,
    /// So many come twice.
    pub repeated: u64,
}

/// All ends of one network.
#[derive(Clone, Default)]
pub struct Twin(Arc<Shared>);

#[derive(Default)]
struct Shared {
    inboxes: Mutex<Inboxes>,
    came: Condvar,
}

#[derive(Default)]
struct Inboxes {
    faults: Faults,
    waiting: Vec<VecDeque<Message>>,
}

impl Inboxes {
    /// A number below `bound`; SplitMix64, which needs no library and no state but the seed.
    fn chance(&mut self, bound: u64) -> u64 {
        self.faults.seed = self.faults.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.faults.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn put(&mut self, to: usize, message: Message) {
        let Faults { lost, delayed, repeated, .. } = self.faults;
        if lost > 0 && self.chance(1_000) < lost {
            return;
        }
        if repeated > 0 && self.chance(1_000) < repeated {
            self.waiting[to].push_back(message.clone());
        }
        let overtaken = if delayed > 0 && self.chance(1_000) < delayed { 1 + self.chance(8) as usize } else { 0 };
        let inbox = &mut self.waiting[to];
        let place = inbox.len().saturating_sub(overtaken);
        inbox.insert(place, message);
        if inbox.len() > MOST_WAITING {
            inbox.pop_front();
        }
    }
}

impl Twin {
    /// A network that does what its seed says.
    pub fn with_faults(faults: Faults) -> Self {
        let twin = Self::default();
        twin.0.inboxes.lock().faults = faults;
        twin
    }

    /// Another end.
    pub fn join(&self) -> TwinPort {
        let mut inboxes = self.0.inboxes.lock();
        inboxes.waiting.push(VecDeque::new());
        TwinPort { shared: self.0.clone(), own: inboxes.waiting.len() - 1 }
    }
}

/// One end.
pub struct TwinPort {
    shared: Arc<Shared>,
    own: usize,
}

impl Network for TwinPort {
    fn broadcast(&self, message: Message) {
        let mut inboxes = self.shared.inboxes.lock();
        for to in (0..inboxes.waiting.len()).filter(|to| *to != self.own) {
            inboxes.put(to, message.clone());
        }
        self.shared.came.notify_all();
    }

    fn receive(&self, wait: Duration) -> Option<Message> {
        let until = Instant::now() + wait;
        let mut inboxes = self.shared.inboxes.lock();
        loop {
            if let Some(message) = inboxes.waiting[self.own].pop_front() {
                return Some(message);
            }
            if wait.is_zero() || self.shared.came.wait_until(&mut inboxes, until).timed_out() {
                return inboxes.waiting[self.own].pop_front();
            }
        }
    }
}

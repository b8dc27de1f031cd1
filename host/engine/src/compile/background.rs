//! Compiling ahead, on threads that no block waits for. Each lane has one thread, so that strangers' components never
//! stand before what a chain is about to need.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use caldera_types::Component;
use parking_lot::Mutex;

/// Components that wait in one lane at most; they lie in a pool or a block log anyway.
const MAX_QUEUED: usize = 64;
/// Native stack of a thread that compiles, in bytes: it may do so itself.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Which queue a component waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What somebody sent into a pool.
    Pool,
    /// What a chain has armed.
    Armed,
}

/// Who compiles what comes out of a queue.
pub(crate) trait Work: Send + Sync + 'static {
    /// Compiles one component; what comes of it is for the worker to remember.
    fn compile(&self, component: &Component);
}

/// The lanes.
#[derive(Default)]
pub(crate) struct Queues {
    pool: Arc<Mutex<Waiting>>,
    armed: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    components: VecDeque<Component>,
    /// Whether a thread is at work on them. It ends when there are none.
    working: bool,
}

impl Queues {
    /// Lets a component wait for its turn; false if the lane is full or no thread can be started.
    pub(crate) fn push<W: Work>(&self, lane: Lane, component: Component, worker: &Arc<W>) -> bool {
        let lane = match lane {
            Lane::Pool => &self.pool,
            Lane::Armed => &self.armed,
        };
        let mut waiting = lane.lock();
        if waiting.components.len() >= MAX_QUEUED {
            return false;
        }
        waiting.components.push_back(component);
        if waiting.working {
            return true;
        }
        let (queue, worker) = (lane.clone(), Arc::downgrade(worker));
        let thread = std::thread::Builder::new().name("compile".into()).stack_size(STACK_BYTES);
        match thread.spawn(move || work(&queue, &worker)) {
            Ok(_) => waiting.working = true,
            Err(error) => {
                tracing::error!(%error, "no thread to compile on");
                waiting.components.pop_back();
            }
        }
        waiting.working
    }
}

fn work<W: Work>(lane: &Mutex<Waiting>, worker: &Weak<W>) {
    loop {
        let next = {
            let mut waiting = lane.lock();
            let next = waiting.components.pop_front();
            waiting.working = next.is_some();
            next
        };
        // Without a worker nobody is left to use what would be compiled.
        let (Some(component), Some(worker)) = (next, worker.upgrade()) else { return };
        let compiled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.compile(&component)));
        if compiled.is_err() {
            tracing::error!(digest = %component.digest(), "compiling panicked, which is a bug");
        }
    }
}

//! Compiling ahead, on threads that no block waits for. Each lane has one thread, so that strangers' components never
//! stand before what a chain is about to need.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use caldera_types::{Component, EngineLimits, Grants};
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

/// A component that has to be compiled and, if somebody is about to call it, made ready under these grants.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) component: Component,
    pub(crate) call: Option<(Grants, EngineLimits)>,
}

/// Who does what comes out of a queue.
pub(crate) trait Work: Send + Sync + 'static {
    /// Does one task; what comes of it is for the worker to remember.
    fn run(&self, task: &Task);
}

/// The lanes.
#[derive(Default)]
pub(crate) struct Queues {
    pool: Arc<Mutex<Waiting>>,
    armed: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    tasks: VecDeque<Task>,
    /// Whether a thread is at work on them. It ends when there are none.
    working: bool,
}

impl Queues {
    /// Lets a task wait for its turn; false if the lane is full or no thread can be started.
    pub(crate) fn push<W: Work>(&self, lane: Lane, task: Task, worker: &Arc<W>) -> bool {
        let lane = match lane {
            Lane::Pool => &self.pool,
            Lane::Armed => &self.armed,
        };
        let mut waiting = lane.lock();
        if waiting.tasks.len() >= MAX_QUEUED {
            return false;
        }
        waiting.tasks.push_back(task);
        if waiting.working {
            return true;
        }
        let (queue, worker) = (lane.clone(), Arc::downgrade(worker));
        let thread = std::thread::Builder::new().name("compile".into()).stack_size(STACK_BYTES);
        match thread.spawn(move || work(&queue, &worker)) {
            Ok(_) => waiting.working = true,
            Err(error) => {
                tracing::error!(%error, "no thread to compile on");
                waiting.tasks.pop_back();
            }
        }
        waiting.working
    }
}

fn work<W: Work>(lane: &Mutex<Waiting>, worker: &Weak<W>) {
    loop {
        let next = {
            let mut waiting = lane.lock();
            let next = waiting.tasks.pop_front();
            waiting.working = next.is_some();
            next
        };
        // Without a worker nobody is left to use what would be compiled.
        let (Some(task), Some(worker)) = (next, worker.upgrade()) else { return };
        let compiled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.run(&task)));
        if compiled.is_err() {
            tracing::error!(digest = %task.component.digest(), "compiling panicked, which is a bug");
        }
    }
}

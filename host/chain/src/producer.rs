//! The thread that builds a chain's blocks.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{chain::Chain, clock::Clock, error::ChainError, readiness::is_unready};

/// Engine calls nest, each with a WebAssembly stack of its own on this one.
pub(crate) const STACK_BYTES: usize = 16 * 1024 * 1024;

/// How long a chain that waits for an engine, or for space on its disk, waits before it tries again, at first and at last.
const FIRST_PATIENCE: Duration = Duration::from_millis(500);
const LAST_PATIENCE: Duration = Duration::from_secs(30);

/// A running block producer. Dropping it stops it after the block under way.
pub struct BlockProducer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl BlockProducer {
    /// Ends the thread and waits for the block under way.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a block producer panicked: this is a bug");
        }
    }
}

impl Drop for BlockProducer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Chain {
    /// Starts making a block at every interval.
    pub fn start(self: &Arc<Self>) -> Result<BlockProducer, ChainError> {
        let (stop, stopped) = mpsc::channel();
        let chain = self.clone();
        let thread = std::thread::Builder::new()
            .name(format!("chain-{}", self.name()))
            .stack_size(STACK_BYTES)
            .spawn(move || run(&chain, &stopped))
            .map_err(ChainError::Thread)?;
        Ok(BlockProducer { stop: Some(stop), thread: Some(thread) })
    }
}

fn run(chain: &Chain, stopped: &mpsc::Receiver<()>) {
    let mut interval = chain.spec().block_interval;
    let mut next = Instant::now() + interval;
    let mut patience = FIRST_PATIENCE;
    let mut clock = Clock::default();
    loop {
        let pause = chain.pause(next);
        match stopped.recv_timeout(pause.unwrap_or_default()) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Some(told) = chain.interval().filter(|told| *told != interval) {
            (interval, next) = (told, Instant::now() + told);
            continue;
        }
        if pause.is_some() {
            continue;
        }
        // A panic is a bug of ours or of a library's, and must not end in a chain that silently makes no blocks.
        let began = Instant::now();
        clock.look(chain, began);
        let made = panic::catch_unwind(AssertUnwindSafe(|| chain.make_due(interval)));
        match made.unwrap_or_else(|panic| Err(ChainError::Panicked(message(panic.as_ref())))) {
            Ok(block) => {
                patience = FIRST_PATIENCE;
                chain.tell(&block, began.elapsed());
            }
            Err(reason) if is_unready(&reason) || reason.may_pass() => {
                chain.wait(&reason);
                next = Instant::now() + patience;
                patience = (patience * 2).min(LAST_PATIENCE);
                continue;
            }
            Err(reason) => {
                chain.halt(&reason);
                return;
            }
        }
        // A late block does not make the following ones hurry.
        next = (next + interval).max(Instant::now());
    }
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

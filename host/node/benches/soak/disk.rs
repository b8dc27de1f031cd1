//! What the machine's disk does meanwhile, by itself: a block waits for one fsync, so a disk that stands still is told apart
//! from a node that does.

use std::{
    io::{self, Write as _},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// From an fsync to the next.
const PAUSE: Duration = Duration::from_millis(50);
/// What is appended before each.
const LINE: [u8; 200] = [b'.'; 200];

/// A thread that keeps appending to a file of its own, where the nodes have their folders. Stopped when dropped.
pub struct Disk {
    took: Receiver<io::Result<Duration>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Disk {
    pub fn watch() -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        let (stop, stopped) = mpsc::channel();
        let (tell, took) = mpsc::channel();
        let thread = thread::spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PAUSE) {
                let began = Instant::now();
                let synced = file.write_all(&LINE).and_then(|()| file.sync_data());
                if tell.send(synced.map(|()| began.elapsed())).is_err() {
                    return;
                }
            }
        });
        Ok(Self { took, stop: Some(stop), thread: Some(thread) })
    }

    /// The longest fsync since the last question, in nanoseconds.
    ///
    /// # Errors
    /// If one failed.
    pub fn longest(&self) -> io::Result<f64> {
        let took: Vec<_> = self.took.try_iter().collect::<io::Result<_>>()?;
        Ok(took.into_iter().max().unwrap_or_default().as_nanos() as f64)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

//! The parent's side: one process for one component, watched until it has ended.
//!
//! Blocks the thread that asks; nothing of an async runtime takes part. The child is in a process group of its own, gets
//! no environment, and is waited for on every path, so none is left behind.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use super::{
    CompileFailure, CompileLimits, EngineHash, MAX_ARTIFACT_BYTES,
    worker::{self, SUBCOMMAND, Unread},
};

/// What is kept of a child's standard error, in bytes: the last.
const MAX_STDERR_BYTES: usize = 2 * 1024;
/// How often a child that has closed its output is asked whether it has ended.
const POLL: Duration = Duration::from_millis(1);

/// The program that compiles, and what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildCompiler {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, before those that this crate adds.
    pub args: Vec<OsString>,
    /// What one run may use.
    pub limits: CompileLimits,
}

impl ChildCompiler {
    /// This very program, which must hand [`SUBCOMMAND`] to [`crate::compile::main`]. Its file may be replaced meanwhile:
    /// Linux starts what runs now, and elsewhere the answer of another version is not used.
    pub fn this_program(limits: CompileLimits) -> io::Result<Self> {
        let program = match cfg!(target_os = "linux") {
            true => PathBuf::from("/proc/self/exe"),
            false => std::env::current_exe()?,
        };
        Ok(Self { program, args: vec![SUBCOMMAND.into()], limits })
    }

    /// Compiles.
    pub(super) fn compile(&self, component: &[u8], hash: EngineHash) -> Result<Vec<u8>, Unread> {
        let answer = self.run(component).map_err(Unread::Failed)?;
        worker::read(&answer, hash, self.limits.memory_bytes)
    }

    fn run(&self, component: &[u8]) -> Result<Vec<u8>, CompileFailure> {
        let deadline = Instant::now() + self.limits.time;
        let mut child = Running::start(self)?;
        let (answer, stderr) = match child.talk(component, deadline) {
            Ok(said) => said,
            Err(failure) => {
                child.end(Instant::now());
                return Err(failure.unwrap_or_else(|| self.timed_out()));
            }
        };
        let status = match child.end(deadline) {
            Ended::ByItself(status) => status,
            Ended::Killed => return Err(self.timed_out()),
            Ended::Unknown(error) => return Err(CompileFailure::NotStarted(error.to_string())),
        };
        match answer {
            Ok(answer) if status.success() => Ok(answer),
            Ok(_) => Err(self.failure(status, stderr)),
            Err(error) => Err(CompileFailure::BadAnswer(error.to_string())),
        }
    }

    fn timed_out(&self) -> CompileFailure {
        CompileFailure::TimedOut { what: "time", limit: self.limits.time }
    }

    /// What an unhappy end means.
    fn failure(&self, status: ExitStatus, stderr: String) -> CompileFailure {
        match status.signal() {
            Some(libc::SIGXCPU) => {
                CompileFailure::TimedOut { what: "processor time", limit: Duration::from_secs(self.limits.cpu_s) }
            }
            // So Rust's standard library says it before it aborts.
            Some(libc::SIGABRT) if stderr.contains("memory allocation of") => {
                CompileFailure::OutOfMemory { limit_bytes: self.limits.memory_bytes }
            }
            Some(signal) => CompileFailure::Crashed { signal, stderr },
            None => CompileFailure::NoAnswer { code: status.code().unwrap_or(-1), stderr },
        }
    }
}

/// A child that was started and has to be waited for.
struct Running(Child);

/// How a child ended.
enum Ended {
    ByItself(ExitStatus),
    Killed,
    Unknown(io::Error),
}

/// What a child wrote.
type Said = (io::Result<Vec<u8>>, String);

impl Running {
    fn start(compiler: &ChildCompiler) -> Result<Self, CompileFailure> {
        let limits = compiler.limits;
        Command::new(&compiler.program)
            .args(&compiler.args)
            .args([limits.cpu_s.to_string(), limits.memory_bytes.to_string()])
            // Keys may lie in the environment.
            .env_clear()
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(Self)
            .map_err(|error| CompileFailure::NotStarted(format!("{}: {error}", compiler.program.display())))
    }

    /// Feeds the component and reads to the end of what the child says. The error is none if that does not come in time.
    fn talk(&mut self, component: &[u8], deadline: Instant) -> Result<Said, Option<CompileFailure>> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (self.0.stdin.take(), self.0.stdout.take(), self.0.stderr.take())
        else {
            return Err(Some(CompileFailure::NotStarted("it has no pipes".to_owned())));
        };
        let component = component.to_vec();
        // A child that ends early does not read all; it says why on another pipe.
        detach(move || drop(stdin.write_all(&component)))?;
        let (answered, answer) = mpsc::channel();
        detach(move || drop(answered.send(read_bounded(stdout))))?;
        let (complained, complaint) = mpsc::channel();
        detach(move || drop(complained.send(read_tail(stderr))))?;
        let left = || deadline.saturating_duration_since(Instant::now());
        let answer = answer.recv_timeout(left()).map_err(|_| None)?;
        Ok((answer, complaint.recv_timeout(left()).map_err(|_| None)?))
    }

    /// Waits for the child until the deadline, then kills it. What it may have started goes with it, however it ended.
    fn end(mut self, deadline: Instant) -> Ended {
        loop {
            match self.has_ended() {
                Ok(false) if Instant::now() < deadline => std::thread::sleep(POLL),
                Ok(ended) => {
                    return match self.kill() {
                        Ok(status) if ended => Ended::ByItself(status),
                        Ok(_) => Ended::Killed,
                        Err(error) => Ended::Unknown(error),
                    };
                }
                Err(error) => {
                    let _ = self.kill();
                    return Ended::Unknown(error);
                }
            }
        }
    }

    /// Whether the child has ended. It is not waited for, so its group stays its own.
    fn has_ended(&self) -> io::Result<bool> {
        // SAFETY: all zeros is a value of this plain struct.
        let mut ended: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: `ended` is a valid place to write to.
        match unsafe { libc::waitid(libc::P_PID, self.0.id(), &mut ended, options) } {
            // SAFETY: waitid has filled it in, or left the zeros in it when there is nothing to tell.
            0 => Ok(unsafe { ended.si_pid() } != 0),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Kills the group and waits for the child. A child that has ended keeps the status that it ended with.
    fn kill(&mut self) -> io::Result<ExitStatus> {
        if let Ok(group) = libc::pid_t::try_from(self.0.id()) {
            // SAFETY: takes two integers. The child has not been waited for, so its group cannot be another's yet.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
        let _ = self.0.kill();
        self.0.wait()
    }
}

/// Starts a thread that ends when its pipe does. The child's death closes the pipe.
fn detach(work: impl FnOnce() + Send + 'static) -> Result<(), Option<CompileFailure>> {
    let started = std::thread::Builder::new().name("compile-pipe".into()).spawn(work);
    started.map(drop).map_err(|error| Some(CompileFailure::NotStarted(error.to_string())))
}

/// Reads all, as long as it is no longer than native code may be.
fn read_bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let most = MAX_ARTIFACT_BYTES as u64;
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("it is longer than {most} bytes"))),
        false => Ok(bytes),
    }
}

/// Reads all and keeps the end, as one line of text.
fn read_tail(mut from: impl Read) -> String {
    let (mut tail, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        tail.extend_from_slice(&chunk[..length]);
        tail.drain(..tail.len().saturating_sub(MAX_STDERR_BYTES));
    }
    let text = String::from_utf8_lossy(&tail);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ")
}

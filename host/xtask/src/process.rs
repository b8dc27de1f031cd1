//! Programs that chores start. One helper, so that every failure names the command line and how it ended.

use crate::error::{Error, Result};
use std::{
    ffi::OsStr,
    io::Read,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How much captured output an error keeps, in lines from the end.
const OUTPUT_KEPT_LINES: usize = 12;

/// A program with its arguments, ready to run.
pub struct Tool {
    command: Command,
}

impl Tool {
    /// Runs `program`, looked up on PATH, in the current folder.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self { command }
    }

    /// The cargo that runs this chore, so that the toolchain stays the same all the way down.
    pub fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// The compiler that cargo uses.
    pub fn rustc() -> Self {
        Self::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Unsets an environment variable.
    pub fn without_env(mut self, key: &str) -> Self {
        self.command.env_remove(key);
        self
    }

    /// Sets the folder to run in.
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// The command line as an error shows it.
    pub fn shown(&self) -> String {
        let program = Path::new(self.command.get_program()).file_name().unwrap_or(self.command.get_program());
        let words = std::iter::once(program).chain(self.command.get_args());
        shorten(&words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    /// Runs to the end with the caller's terminal.
    pub fn run(mut self) -> Result<()> {
        let status = self.spawn()?.wait().map_err(Error::file("wait for", self.shown()))?;
        if status.success() { Ok(()) } else { Err(self.failed(status.to_string(), "")) }
    }

    /// Runs to the end and returns what it printed on standard output; standard error goes into the error.
    pub fn output(mut self) -> Result<String> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = self.spawn()?.wait_with_output().map_err(Error::file("wait for", self.shown()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(self.failed(output.status.to_string(), &String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// Runs to the end with standard output going into `file`.
    pub fn run_into(mut self, file: std::fs::File) -> Result<()> {
        self.command.stdout(file).stderr(Stdio::piped());
        let output = self.spawn()?.wait_with_output().map_err(Error::file("wait for", self.shown()))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(self.failed(output.status.to_string(), &stderr)) }
    }

    /// Runs quietly and stops it when it takes longer than `limit`: for steps that are allowed to fail quickly.
    pub fn run_within(mut self, limit: Duration) -> Result<()> {
        self.command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = self.spawn()?;
        let stderr = child.stderr.take();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            // Unreadable output only makes the error shorter.
            let _ = stderr.map(|mut pipe| pipe.read_to_string(&mut text));
            text
        });
        let end = wait_until(&mut child, Instant::now() + limit);
        let text = if end.is_some() { reader.join().unwrap_or_default() } else { String::new() };
        match end {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failed(status.to_string(), &text)),
            None => Err(self.failed(format!("was stopped after {} s", limit.as_secs()), "")),
        }
    }

    /// Replaces this process, so that signals and the exit code belong to the program. Returns only on failure.
    pub fn replace_self(mut self) -> Error {
        self.command.stdin(Stdio::inherit());
        let source = self.command.exec();
        Error::Start { program: self.shown(), source }
    }

    fn spawn(&mut self) -> Result<Child> {
        self.command.spawn().map_err(|source| Error::Start { program: self.shown(), source })
    }

    fn failed(&self, status: String, output: &str) -> Error {
        let lines: Vec<_> = output.lines().filter(|line| !line.trim().is_empty()).collect();
        let kept = lines[lines.len().saturating_sub(OUTPUT_KEPT_LINES)..].join("\n");
        Error::Command { command: self.shown(), status, output: kept }
    }
}

/// Waits for the child, or kills it at the deadline and returns none.
fn wait_until(child: &mut Child, deadline: Instant) -> Option<std::process::ExitStatus> {
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => thread::sleep(Duration::from_millis(20)),
            Err(_) => break,
        }
    }
    // Already gone is as good as killed.
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Whether a program of this name is on PATH.
pub fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

fn shorten(line: &str) -> String {
    const SHOWN_CHARS: usize = 160;
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_command_and_keep_the_end_of_its_output() {
        let error = Tool::new("sh").args(["-c", "echo first >&2; echo last >&2; exit 3"]).output().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("`sh -c") && text.contains("exit status: 3") && text.ends_with("last"), "{text}");
    }

    #[test]
    fn a_missing_program_is_told_apart_from_a_failing_one() {
        let error = Tool::new("caldera-no-such-program").run().unwrap_err();
        assert!(matches!(error, Error::Start { .. }), "{error}");
    }

    #[test]
    fn a_slow_program_is_stopped() {
        let began = Instant::now();
        let error = Tool::new("sleep").arg("30").run_within(Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("was stopped"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn long_command_lines_are_cut_at_a_character() {
        assert_eq!(shorten(&"é".repeat(200)).chars().count(), 161);
        assert_eq!(shorten("short"), "short");
    }
}

//! What a process that is to compile may do instead: each end has its name, none takes longer than it may, and none leaves
//! a process behind. The programs are shell scripts; real bombs through the real compiler are among `caldera-chain`'s hostile inputs.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use caldera_engine::{
    CompileFailure, CompileOptions, CompileState, Compiler, EngineError, EngineOptions, Engines, StageError,
    compile::{ChildCompiler, CompileLimits},
};
use caldera_types::{EngineLimits, Grants};
use support::guest::Guest;

const SHORT: Duration = Duration::from_millis(300);

fn engines(program: &str, script: &str, time: Duration) -> Engines {
    let args = ["-c", script].map(OsString::from).to_vec();
    let limits = CompileLimits { time, ..CompileLimits::recommended() };
    let child = ChildCompiler { program: PathBuf::from(program), args, limits };
    let options = CompileOptions { compiler: Compiler::Child(child), ..CompileOptions::in_process() };
    Engines::with_compiler(EngineOptions { instances: 1 }, options).unwrap()
}

/// The failure, which is this node's and no verdict on the component.
fn failure(program: &str, script: &str, time: Duration) -> CompileFailure {
    let (engines, component) = (engines(program, script, time), Guest::default().component());
    let staged = engines.stage(&component, Grants::ALL, &EngineLimits::recommended());
    let Err(StageError::Node(EngineError::Compile { digest, failure })) = staged else {
        panic!("{script}: {staged:?}")
    };
    assert_eq!(digest, component.digest());
    let CompileState::Failed { why } = engines.compile_state(digest) else { panic!("{script}: it is not told") };
    assert!(why.contains(&failure.to_string()), "{why}");
    assert_eq!((engines.compile_stats().failed, engines.compile_stats().compiled), (1, 0));
    failure
}

fn check(script: &str, expected: &CompileFailure) {
    assert_eq!(failure("/bin/sh", script, Duration::from_secs(20)), *expected, "{script}");
}

#[test]
fn every_end_has_its_name() {
    let bad = |why: &str| CompileFailure::BadAnswer(why.to_owned());
    let crashed = |signal, stderr: &str| CompileFailure::Crashed { signal, stderr: stderr.to_owned() };
    let limits = CompileLimits::recommended();
    check("kill -SEGV $$", &crashed(libc::SIGSEGV, ""));
    check("echo deep inside >&2; kill -ABRT $$", &crashed(libc::SIGABRT, "deep inside"));
    check(
        "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$",
        &CompileFailure::OutOfMemory { limit_bytes: limits.memory_bytes },
    );
    check(
        "kill -XCPU $$",
        &CompileFailure::TimedOut { what: "processor time", limit: Duration::from_secs(limits.cpu_s) },
    );
    check("echo no >&2; echo good >&2; exit 7", &CompileFailure::NoAnswer { code: 7, stderr: "no | good".to_owned() });
    check("exit 0", &bad("it is cut off"));
    check("cat", &bad("it does not begin like one"));
    check("yes", &bad("it is longer than 268435456 bytes"));
    let absent = failure("/nowhere/compiler", "", SHORT);
    assert!(matches!(&absent, CompileFailure::NotStarted(why) if why.starts_with("/nowhere/compiler: ")), "{absent:?}");
}

#[test]
fn none_goes_on_longer_than_it_may_and_none_is_left() {
    let folder = tempfile::tempdir().unwrap();
    for (at, script) in [
        "sleep 1000",
        // It has said all that it will ever say.
        "exec >&- 2>&-; sleep 1000",
        "yes >&2",
        // Another holds its pipes.
        "sleep 1000 & echo $! > FILE; wait",
        "sleep 1000 & echo $! > FILE",
    ]
    .into_iter()
    .enumerate()
    {
        let file = folder.path().join(at.to_string());
        let script = script.replace("FILE", file.to_str().unwrap());
        // The process of the script itself is noted first: it stays the same when the script ends in an `exec`.
        let noted = folder.path().join(format!("{at}-itself"));
        let script = format!("echo $$ > {}; {script}", noted.display());
        let failure = failure("/bin/sh", &script, SHORT);
        assert_eq!(failure, CompileFailure::TimedOut { what: "time", limit: SHORT }, "{script}");
        for file in [noted, file] {
            let id = std::fs::read_to_string(file).ok().and_then(|id| id.trim().parse().ok());
            assert!(id.is_none_or(has_ended), "{script}: process {id:?} is left");
        }
    }
}

#[test]
fn none_is_left_by_a_process_that_answers_and_ends() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let script = format!("sleep 1000 <&- >&- 2>&- & echo $! > {}; exit 5", file.path().display());
    check(&script, &CompileFailure::NoAnswer { code: 5, stderr: String::new() });
    let id = std::fs::read_to_string(file.path()).unwrap().trim().parse().unwrap();
    assert!(has_ended(id), "process {id} is left");
}

/// Whether a process is no more, or is only still to be waited for by whoever inherited it.
fn has_ended(id: libc::pid_t) -> bool {
    for _ in 0..200 {
        // SAFETY: takes two integers; signal 0 only asks.
        let exists = unsafe { libc::kill(id, 0) } == 0;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        if !exists || stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

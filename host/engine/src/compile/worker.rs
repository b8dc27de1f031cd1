//! The child's side: binds itself to its limits, reads a component, writes an answer, ends.
//!
//! The answer is a head (magic, kind, hash of the engine's settings, length) and a body: native code, or a text.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    process::ExitCode,
};

use caldera_types::limits::MAX_COMPONENT_BYTES;

use super::{CompileFailure, EngineHash, limits};
use crate::{
    config,
    error::{Rejection, StageError},
};

/// Name of the subcommand by which a program becomes the compiler: it hands the arguments after it to [`main`].
pub const SUBCOMMAND: &str = "compile-component";

const MAGIC: [u8; 8] = *b"CALDCMP1";
const HEAD: usize = 8 + 1 + 32 + 8;
/// Native stack of the compiler, in bytes. Fixed, so that it does not depend on who started the node.
const STACK_BYTES: usize = 16 * 1024 * 1024;
/// Exit code when the arguments or the limits do not hold.
const UNUSABLE: u8 = 3;

/// What the body of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Artifact = 0,
    Refused = 1,
    OutOfMemory = 2,
    Failed = 3,
}

/// Runs the compiler in this process: the component comes on standard input, the answer goes to standard output. Call it
/// first thing in `main`, before any thread is started.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn run(args: impl IntoIterator<Item = OsString>) -> io::Result<()> {
    let usage =
        || io::Error::other(format!("usage: {SUBCOMMAND} CPU-SECONDS MEMORY-BYTES; the node runs this by itself"));
    let mut numbers = args.into_iter().map(|arg| arg.to_str().and_then(|arg| arg.parse::<u64>().ok()));
    let (Some(Some(cpu_s)), Some(Some(memory_bytes)), None) = (numbers.next(), numbers.next(), numbers.next()) else {
        return Err(usage());
    };
    limits::bind_this_process(cpu_s, memory_bytes)?;
    let mut component = Vec::new();
    // One byte more than may come, so that what is too long is seen.
    io::stdin().lock().take(MAX_COMPONENT_BYTES as u64 + 1).read_to_end(&mut component)?;
    let compiler = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || answer(&component))?;
    let answer = compiler.join().map_err(|_| io::Error::other("the compiler panicked"))?;
    let mut output = io::stdout().lock();
    output.write_all(&answer)?;
    output.flush()
}

/// Compiles, and says what came of it in the form that the parent reads.
pub fn answer(component: &[u8]) -> Vec<u8> {
    let engine = match config::compiler() {
        Ok(engine) => engine,
        Err(error) => return frame(EngineHash([0; 32]), Kind::Failed, error.to_string().as_bytes()),
    };
    let hash = EngineHash::of(&engine);
    match engine.precompile_component(component) {
        Ok(artifact) => frame(hash, Kind::Artifact, &artifact),
        Err(error) => {
            let kind = match error.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::OutOfMemory) => Kind::OutOfMemory,
                Some(_) => Kind::Failed,
                None => Kind::Refused,
            };
            frame(hash, kind, format!("{error:#}").as_bytes())
        }
    }
}

fn frame(hash: EngineHash, kind: Kind, body: &[u8]) -> Vec<u8> {
    [&MAGIC, [kind as u8].as_slice(), &hash.0, &(body.len() as u64).to_le_bytes(), body].concat()
}

/// Reads an answer: the native code, what the compiler refused, or why there is neither.
pub(super) fn read(answer: &[u8], hash: EngineHash, memory_bytes: u64) -> Result<Vec<u8>, Unread> {
    let bad = |why: &str| Unread::Failed(CompileFailure::BadAnswer(why.to_owned()));
    let (head, body) = answer.split_at_checked(HEAD).ok_or_else(|| bad("it is cut off"))?;
    let (magic, rest) = head.split_at(8);
    let (kind, rest) = rest.split_at(1);
    let (made_by, length) = rest.split_at(32);
    if magic != MAGIC {
        return Err(bad("it does not begin like one"));
    }
    if length != (body.len() as u64).to_le_bytes() {
        return Err(bad("its length is not what it says"));
    }
    let text = || String::from_utf8_lossy(body).into_owned();
    match kind {
        [kind] if *kind == Kind::OutOfMemory as u8 => {
            Err(Unread::Failed(CompileFailure::OutOfMemory { limit_bytes: memory_bytes }))
        }
        [kind] if *kind == Kind::Failed as u8 => Err(Unread::Failed(CompileFailure::Internal(text()))),
        _ if made_by != hash.0 => {
            Err(bad("its engine has other settings: the program is of another version than this node"))
        }
        [kind] if *kind == Kind::Refused as u8 => Err(Unread::Refused(Rejection::Compile(text()))),
        [kind] if *kind == Kind::Artifact as u8 => Ok(body.to_vec()),
        _ => Err(bad("it is of no known kind")),
    }
}

/// There is no native code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The component's fault.
    Refused(Rejection),
    /// This node's.
    Failed(CompileFailure),
}

impl Unread {
    /// As the outcome of staging this component.
    pub(crate) fn staged(self, digest: caldera_types::Digest) -> StageError {
        match self {
            Self::Refused(rejection) => rejection.into(),
            Self::Failed(failure) => crate::error::EngineError::Compile { digest, failure }.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: EngineHash = EngineHash([7; 32]);

    fn check(answer: &[u8], want: Result<&[u8], &str>) {
        match (read(answer, HASH, 1 << 20), want) {
            (Ok(body), Ok(want)) => assert_eq!(body, want),
            (Err(unread), Err(want)) => assert!(format!("{unread:?}").contains(want), "{unread:?}: {want}"),
            (got, want) => panic!("{got:?}, not {want:?}"),
        }
    }

    #[test]
    fn every_kind_reads_back() {
        check(&frame(HASH, Kind::Artifact, b"code"), Ok(b"code"));
        check(&frame(HASH, Kind::Refused, b"a bad type"), Err("Refused(Compile(\"a bad type\"))"));
        check(&frame(HASH, Kind::OutOfMemory, b""), Err("OutOfMemory { limit_bytes: 1048576 }"));
        check(&frame(EngineHash([0; 32]), Kind::Failed, b"no pipe"), Err("Internal(\"no pipe\")"));
        check(&frame(EngineHash([8; 32]), Kind::Artifact, b"code"), Err("another version"));
        check(b"", Err("cut off"));
        check(&[frame(HASH, Kind::Artifact, b"code"), vec![0]].concat(), Err("its length"));
        let mut other = frame(HASH, Kind::Artifact, b"code");
        other[8] = 9;
        check(&other, Err("no known kind"));
    }

    #[test]
    fn what_is_no_component_is_refused() {
        let engine = config::compiler().unwrap();
        let refused = read(&answer(b"\0asm"), EngineHash::of(&engine), 0).unwrap_err();
        assert!(matches!(refused, Unread::Refused(Rejection::Compile(_))), "{refused:?}");
    }

    proptest! {
        #[test]
        fn noise_is_no_answer(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            prop_assert!(read(&bytes, HASH, 0).is_err());
        }
    }
}

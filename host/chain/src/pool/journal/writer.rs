//! One generation of the journal at a time, and how the next one takes its place.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::{
    JournalError,
    reader::generations,
    record::{FILE_HEADER, Record},
};
use crate::pool::waiting::{Place, Pool};

/// A generation this much above twice what waited when it was begun is old.
const SLACK_BYTES: u64 = 32 << 20;
/// Memory of what is copied at a time, in bytes. Nothing else can be written meanwhile.
const COPY_BYTES: u64 = 1 << 20;
/// Of a file that is synced, so many bytes at a time are made of zeros, and then written over: a sync has nothing to say of the
/// file's length then, which is half of what it costs.
const ROOM_BYTES: u64 = 1 << 20;
/// What room is made of.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

pub(super) struct Writer {
    dir: PathBuf,
    durable: bool,
    number: u64,
    path: PathBuf,
    pub(super) file: File,
    /// Bytes that are written.
    pub(super) bytes: u64,
    /// How long the file is.
    room: u64,
    /// Bytes of what waited when the generation was begun.
    copied: u64,
    /// Where in the pool copying goes on; none if all is copied.
    copying: Option<Place>,
    /// A write failed: nothing more goes into this file.
    failed: bool,
    pub(super) slack: u64,
}

impl Writer {
    /// Begins the generation after those that there are.
    pub(super) fn begin(dir: &Path, durable: bool) -> Result<Self, JournalError> {
        let number = generations(dir)?.last().map_or(0, |(number, _)| number + 1);
        let (path, file) = create(dir, number)?;
        let bytes = FILE_HEADER.len() as u64;
        let dir = dir.to_owned();
        Ok(Self {
            dir,
            durable,
            number,
            path,
            file,
            bytes,
            room: bytes,
            copied: 0,
            copying: Some(Place::default()),
            failed: false,
            slack: SLACK_BYTES,
        })
    }

    /// Whether there is something to copy, or an old generation to leave behind.
    pub(super) fn has_to_copy(&self) -> bool {
        self.copying.is_some() || self.is_old()
    }

    fn is_old(&self) -> bool {
        self.failed || self.bytes > 2 * self.copied + self.slack
    }

    /// Writes whole records, and syncs them if that was promised.
    pub(super) fn write(&mut self, records: &[u8]) -> Result<(), JournalError> {
        if self.failed {
            self.begin_next()?;
        }
        let end = self.bytes + records.len() as u64;
        if self.durable && end > self.room {
            self.make_room(end);
        }
        let written = self.file.write_all_at(records, self.bytes);
        let synced = written.and_then(|()| if self.durable { self.file.sync_data() } else { Ok(()) });
        match synced {
            Ok(()) => {
                self.bytes = end;
                Ok(())
            }
            Err(source) => {
                self.failed = true;
                // Who sent these is told that they were refused: what of them did get there must not be taken in by the next start.
                let _ = self.file.set_len(self.bytes).and_then(|()| self.file.sync_data());
                Err(JournalError::io("write", &self.path, source))
            }
        }
    }

    /// Makes room for more than is needed. That there is none is said by the write that needs it.
    fn make_room(&mut self, needed: u64) {
        let room = needed.next_multiple_of(ROOM_BYTES);
        while self.room < room {
            let zeros = &ZEROS[..ZEROS.len().min((room - self.room) as usize)];
            if self.file.write_all_at(zeros, self.room).is_err() {
                return;
            }
            self.room += zeros.len() as u64;
        }
    }

    /// Goes on with what does not have to be done at once: begins the next generation, or copies some of what waits.
    pub(super) fn tidy(&mut self, pool: &Mutex<Pool>) -> Result<(), JournalError> {
        if self.is_old() {
            self.begin_next()?;
        }
        let Some(place) = self.copying else { return Ok(()) };
        let some = pool.lock().some_from(place, COPY_BYTES);
        let Some((some, next)) = some else { return self.end_copying() };
        let mut records = Vec::new();
        for tx in some {
            records.extend(Record::of(&tx).frame()?);
        }
        if !records.is_empty() {
            self.write(&records)?;
            self.copied += records.len() as u64;
        }
        self.copying = Some(next);
        Ok(())
    }

    /// Begins the next generation and copies into it all that waits, at once.
    pub(super) fn forget(&mut self, pool: &Mutex<Pool>) -> Result<(), JournalError> {
        self.begin_next()?;
        while self.copying.is_some() {
            self.tidy(pool)?;
        }
        Ok(())
    }

    /// All that waits is in this generation: the older ones have nothing that is not.
    fn end_copying(&mut self) -> Result<(), JournalError> {
        let failed = |source| JournalError::io("remove what is old of", &self.dir, source);
        self.file.sync_data().map_err(failed)?;
        for (number, path) in generations(&self.dir)? {
            if number < self.number {
                fs::remove_file(path).map_err(failed)?;
            }
        }
        sync_folder(&self.dir).map_err(failed)?;
        self.copying = None;
        Ok(())
    }

    fn begin_next(&mut self) -> Result<(), JournalError> {
        let (path, file) = create(&self.dir, self.number + 1)?;
        if self.bytes == FILE_HEADER.len() as u64 {
            // Nothing that was promised is in it; a full disk must not fill up with such files.
            let _ = fs::remove_file(&self.path);
        }
        (self.number, self.path, self.file) = (self.number + 1, path, file);
        self.bytes = FILE_HEADER.len() as u64;
        (self.room, self.copied, self.copying, self.failed) = (self.bytes, 0, Some(Place::default()), false);
        Ok(())
    }
}

/// Makes a generation's file. What could not be made whole is not left behind.
fn create(dir: &Path, number: u64) -> Result<(PathBuf, File), JournalError> {
    let path = dir.join(format!("pool-{number:08}.journal"));
    let make = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        file.write_all(&FILE_HEADER)?;
        file.sync_all()?;
        sync_folder(dir)?;
        Ok(file)
    };
    match make() {
        Ok(file) => Ok((path, file)),
        Err(source) => {
            let _ = fs::remove_file(&path);
            Err(JournalError::io("begin", &path, source))
        }
    }
}

fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

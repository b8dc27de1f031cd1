//! The journal on a real disk: what is read back, torn and damaged files, generations, and a disk that is full.

use std::fs;

use alloy_consensus::Transaction;

use super::{record::FILE_HEADER, *};
use crate::pool::{PoolLimits, PooledTx, tests::pooled};
use caldera_types::Component;

fn transactions(count: u8) -> Vec<Arc<PooledTx>> {
    let transaction = |n: u8| {
        let mut tx = Arc::unwrap_or_clone(pooled(u64::from(n), n, 7, 9, Some(3), usize::from(n) * 5));
        tx.sidecar = (1..=n % 3).map(|k| Component::new(vec![k; 40]).unwrap()).collect();
        Arc::new(tx)
    };
    (1..=count).map(transaction).collect()
}

/// A folder with one generation of these.
fn written(transactions: &[Arc<PooledTx>]) -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::begin(dir.path(), true).unwrap();
    transactions.iter().for_each(|tx| writer.write(&Record::of(tx).frame().unwrap()).unwrap());
    let mut bytes = fs::read(dir.path().join("pool-00000000.journal")).unwrap();
    let room = bytes.split_off(writer.bytes as usize);
    assert!(room.len() > 1_000_000 && room.iter().all(|byte| *byte == 0), "{} bytes of room", room.len());
    (dir, bytes)
}

fn read(dir: &Path) -> Vec<Record> {
    Reader::open(dir).unwrap().collect::<Result<_, _>>().unwrap()
}

fn records(transactions: &[Arc<PooledTx>]) -> Vec<Record> {
    transactions.iter().map(|tx| Record::of(tx)).collect()
}

fn files(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

#[test]
fn what_is_written_reads_back_with_its_components() {
    let transactions = transactions(9);
    let (dir, _) = written(&transactions);
    let back: Vec<_> = read(dir.path()).into_iter().map(|record| record.transaction().unwrap()).collect();
    for ((tx, sidecar), was) in back.iter().zip(&transactions) {
        assert_eq!((tx.nonce(), sidecar), (was.nonce(), &was.sidecar));
    }
    assert_eq!(back.len(), 9);
    assert_eq!(files(dir.path()), ["pool-00000000.journal"], "nothing is torn");
}

/// A file cut anywhere gives the whole records before the cut, whether there was room after it or not.
#[test]
fn a_torn_end_is_cut_wherever_it_is() {
    let transactions = transactions(4);
    let (dir, bytes) = written(&transactions);
    let path = dir.path().join("pool-00000000.journal");
    let mut ends = vec![FILE_HEADER.len()];
    for tx in &transactions {
        ends.push(ends[ends.len() - 1] + Record::of(tx).frame().unwrap().len());
    }
    let cuts = (0..=bytes.len()).map(|length| (length, 0));
    // Room is made once the header is there.
    let roomy = (ends[0]..=bytes.len()).flat_map(|length| [(length, 5), (length, 700_000)]);
    for (length, room) in cuts.chain(roomy) {
        let file = [&bytes[..length], &vec![0; room]].concat();
        fs::write(&path, &file).unwrap();
        let whole = ends.iter().skip(1).filter(|end| **end <= length).count();
        assert_eq!(read(dir.path()), records(&transactions[..whole]), "cut at {length}");
        // The first bytes of a record's head may be zeros.
        let torn = length > ends[0] && file[ends[whole]..].iter().any(|byte| *byte != 0);
        let kept = dir.path().join(format!("pool-00000000.torn-{}", ends[whole]));
        assert_eq!(kept.exists(), torn, "cut at {length}");
        if torn {
            assert_eq!(fs::read(&kept).unwrap(), &file[ends[whole]..]);
            fs::remove_file(kept).unwrap();
        }
    }
}

/// A changed bit is never taken for a transaction, and costs nothing but what it is in, unless that is the length.
#[test]
fn a_damaged_record_is_not_believed() {
    let transactions = transactions(3);
    let (dir, bytes) = written(&transactions);
    for at in FILE_HEADER.len()..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(dir.path().join("pool-00000000.journal"), damaged).unwrap();
        let (back, all) = (read(dir.path()), records(&transactions));
        let others = |n: usize| [&all[..n], &all[n + 1..]].concat();
        assert!(all[..2].starts_with(&back) || (0..3).any(|n| back == others(n)), "a bit of byte {at}");
    }
    let mut foreign = bytes;
    foreign[3] ^= 1;
    fs::write(dir.path().join("pool-00000000.journal"), foreign).unwrap();
    assert!(matches!(Reader::open(dir.path()).unwrap().next(), Some(Err(JournalError::Foreign { .. }))));
}

/// It does not grow without end, and what waits is in it at every moment.
#[test]
fn generations_follow_each_other_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let pool = Mutex::new(Pool::new(PoolLimits::recommended()));
    let mut writer = Writer::begin(dir.path(), false).unwrap();
    writer.slack = 20_000;
    let mut begun = 0;
    for id in 0..6_000_u64 {
        let mut tx = Arc::unwrap_or_clone(pooled(id, 0, 0, 9, Some(3), 30));
        tx.sender = alloy_primitives::Address::left_padding_from(&(id % 100).to_be_bytes());
        // The bytes must differ as the identity does.
        tx.tx = pooled(id, 0, id / 100, u128::from(id) + 9, Some(3), 30).tx.clone();
        let (sender, tx) = (tx.sender, Arc::new(tx));
        pool.lock().add(tx.clone(), tx.nonce()).unwrap();
        writer.write(&Record::of(&tx).frame().unwrap()).unwrap();
        if id % 3 == 0 {
            pool.lock().advance([(sender, tx.nonce() + 1)]);
        }
        let before = writer.has_to_copy();
        writer.tidy(&pool).unwrap();
        begun += u64::from(before && !writer.has_to_copy());
        if id % 500 == 0 {
            let (back, waits) = (read(dir.path()), pool.lock().content(None).pending);
            assert!(waits.iter().all(|tx| back.contains(&Record::of(tx))), "after {id}");
        }
    }
    assert!(begun > 5, "{begun} generations");
    while writer.has_to_copy() {
        writer.tidy(&pool).unwrap();
    }
    let [file] = &files(dir.path())[..] else { panic!("{:?}", files(dir.path())) };
    let bytes = fs::metadata(dir.path().join(file)).unwrap().len();
    assert!(bytes < 100_000, "{bytes} bytes in {file}");
}

/// A disk that is full refuses by name, and is written to again once there is space; nothing acknowledged is lost.
#[test]
fn a_full_disk_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let pool = Mutex::new(Pool::new(PoolLimits::recommended()));
    let mut writer = Writer::begin(dir.path(), true).unwrap();
    let all = transactions(6);
    let write = |writer: &mut Writer, tx: &Arc<PooledTx>| writer.write(&Record::of(tx).frame().unwrap());
    for tx in &all[..2] {
        pool.lock().add(tx.clone(), 7).unwrap();
        write(&mut writer, tx).unwrap();
    }
    writer.file = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let refused = write(&mut writer, &all[2]).unwrap_err().to_string();
    assert!(refused.starts_with("cannot write the pool's journal") && refused.contains("os error 28"), "{refused}");
    // No next generation either, as long as the folder takes no files.
    let blocked = dir.path().join("pool-00000001.journal");
    fs::create_dir(&blocked).unwrap();
    assert!(write(&mut writer, &all[3]).unwrap_err().to_string().starts_with("cannot begin the pool's journal"));
    assert!(writer.tidy(&pool).is_err());
    fs::remove_dir(&blocked).unwrap();
    assert_eq!(read(dir.path()), records(&all[..2]));
    write(&mut writer, &all[4]).unwrap();
    pool.lock().add(all[4].clone(), 7).unwrap();
    while writer.has_to_copy() {
        writer.tidy(&pool).unwrap();
    }
    assert_eq!(files(dir.path()), ["pool-00000001.journal"]);
    let back = read(dir.path());
    let promised = [&all[0], &all[1], &all[4]];
    assert!(promised.iter().all(|tx| back.contains(&Record::of(tx))));
    assert!(![&all[2], &all[3]].iter().any(|tx| back.contains(&Record::of(tx))));
}

/// Those after it were acknowledged.
#[test]
fn a_damaged_record_costs_no_other() {
    let transactions = transactions(4);
    let (dir, mut bytes) = written(&transactions);
    let path = dir.path().join("pool-00000000.journal");
    let second = FILE_HEADER.len() + Record::of(&transactions[0]).frame().unwrap().len();
    bytes[second + 20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(read(dir.path()), records(&[&transactions[..1], &transactions[2..]].concat()));
    assert!(files(dir.path()).iter().any(|file| file.contains("torn")), "it is kept aside");
}

/// Not a test of its own: the process in which a write ends in the middle.
#[test]
fn fills_a_file() {
    let Ok(dir) = std::env::var("CALDERA_TEST_FILLS") else { return };
    let mut writer = Writer::begin(Path::new(&dir), true).unwrap();
    let all = transactions(3);
    let frames: Vec<_> = all.iter().map(|tx| Record::of(tx).frame().unwrap()).collect();
    writer.write(&frames[0]).unwrap();
    let most = writer.bytes + frames[1].len() as u64 + 5;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: plain calls that set a limit and ignore the signal of who runs into it, so that writes fail instead.
    let set = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit)
    };
    assert_eq!(set, 0);
    assert!(writer.write(&frames[1..].concat()).is_err());
}

/// What was refused is not taken in by the next start, although it did get to the disk.
#[test]
fn what_a_failed_write_left_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    let mut process = std::process::Command::new(own);
    process.args(["--exact", "pool::journal::tests::fills_a_file"]).env("CALDERA_TEST_FILLS", dir.path());
    assert!(process.status().unwrap().success());
    assert_eq!(read(dir.path()), records(&transactions(1)));
}

/// Who is refused because the disk takes nothing leaves what it replaced and evicted.
#[test]
fn a_refused_replacement_leaves_what_it_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let limits = PoolLimits { transactions: 2, ..PoolLimits::recommended() };
    let pool = Arc::new(Mutex::new(Pool::new(limits)));
    let (first, other) = (pooled(1, 1, 0, 10, Some(10), 0), pooled(2, 2, 0, 10, Some(10), 0));
    let kept = [first, other];
    kept.iter().for_each(|tx| pool.lock().add(tx.clone(), 0).unwrap());
    // The file takes nothing more, and the folder no next one.
    let mut writer = Writer::begin(dir.path(), true).unwrap();
    writer.file = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    fs::create_dir(dir.path().join("pool-00000001.journal")).unwrap();
    let journal = Journal::of(writer, dir.path(), pool.clone()).unwrap();
    let send = |tx: &Arc<PooledTx>| {
        let frame = Record::of(tx).frame().unwrap();
        let batch = {
            let mut pool = pool.lock();
            pool.enter(tx.clone(), 0).unwrap();
            journal.add(std::iter::once((tx, frame.as_slice())))
        };
        journal.hand_over();
        batch.wait()
    };
    for tx in [pooled(3, 1, 0, 20, Some(20), 0), pooled(4, 3, 0, 20, Some(20), 0)] {
        assert!(send(&tx).is_err());
        assert_eq!(pool.lock().content(None).pending, kept);
    }
}

/// Many wait for one sync, and each is told what came of its own batch.
#[test]
fn a_batch_is_settled_for_all_who_wait() {
    let dir = tempfile::tempdir().unwrap();
    let pool = Arc::new(Mutex::new(Pool::new(PoolLimits::recommended())));
    let journal = Journal::begin(dir.path(), pool, true).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..16_u8 {
            let (journal, dir) = (&journal, dir.path());
            scope.spawn(move || {
                for n in 0..20_u64 {
                    let tx = pooled(0, thread, n, u128::from(thread) + 9, Some(1), 0);
                    let frame = Record::of(&tx).frame().unwrap();
                    let batch = journal.add(std::iter::once((&tx, frame.as_slice())));
                    journal.hand_over();
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    if n % 2 == 0 {
                        batch.wait().unwrap()
                    } else {
                        runtime.block_on(batch.settled()).unwrap()
                    }
                    assert!(read(dir).contains(&Record::of(&tx)), "told before it was written");
                }
            });
        }
    });
    drop(journal);
    assert_eq!(read(dir.path()).len(), 16 * 20);
}

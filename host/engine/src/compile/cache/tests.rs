//! The cache on a real folder: what it gives back, and what it never loads.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::compile::EngineHash;
use caldera_types::Digest;

fn cache(dir: &Path) -> Cache {
    Cache::open(CacheOptions { dir: dir.to_owned(), bytes: 10_000 }).unwrap()
}

fn name(of: u8) -> Name {
    Name { digest: Digest::of(&[of]), engine: EngineHash([5; 32]) }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[track_caller]
fn check_rejected(cache: &Cache, of: u8, why: &str) {
    match cache.get(&name(of)) {
        Found::Rejected(found) => assert!(found.contains(why), "{found}: {why}"),
        Found::Entry(_) => panic!("it is loaded"),
        Found::Absent => panic!("it is not there"),
    }
    // Whatever lies there, it is replaced.
    cache.put(&name(of), b"code").unwrap();
    assert!(matches!(cache.get(&name(of)), Found::Entry(entry) if &entry[HEAD..] == b"code"));
}

#[test]
fn what_was_put_comes_back_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let first = cache(&path);
    assert!(matches!(first.get(&name(1)), Found::Absent));
    assert!(!first.holds(&name(1)));
    first.put(&name(1), b"code").unwrap();
    let second = cache(&path);
    assert!(second.holds(&name(1)));
    assert!(matches!(second.get(&name(1)), Found::Entry(entry) if &entry[HEAD..] == b"code"));
    let modes = [path.clone(), path.join(KEY_FILE), path.join(name(1).file())]
        .map(|path| fs::metadata(path).unwrap().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o600, 0o600]);
}

#[test]
fn what_is_not_this_nodes_is_never_loaded_and_is_replaced() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (cache, foreign) = (cache(dir.path()), cache(other.path()));
    let (place, elsewhere) = (dir.path().join(name(1).file()), other.path().join(name(1).file()));
    let fresh = || cache.put(&name(1), b"code").unwrap();

    foreign.put(&name(1), b"code").unwrap();
    fs::copy(&elsewhere, &place).unwrap();
    check_rejected(&cache, 1, "written by another");

    cache.put(&name(2), b"code").unwrap();
    fs::copy(dir.path().join(name(2).file()), &place).unwrap();
    check_rejected(&cache, 1, "its head");

    let other = Name { engine: EngineHash([6; 32]), ..name(1) };
    cache.put(&other, b"code").unwrap();
    fs::copy(dir.path().join(other.file()), &place).unwrap();
    check_rejected(&cache, 1, "its head");

    fs::OpenOptions::new().write(true).open(&place).unwrap().set_len(50).unwrap();
    check_rejected(&cache, 1, "cut off");

    fresh();
    mode(&place, 0o640);
    check_rejected(&cache, 1, "permissions are 640");

    fresh();
    let moved = dir.path().join("moved");
    fs::rename(&place, &moved).unwrap();
    symlink(&moved, &place).unwrap();
    check_rejected(&cache, 1, "symbolic link");

    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    mode(&place, 0o700);
    check_rejected(&cache, 1, "no plain file");

    fs::remove_file(&place).unwrap();
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&place).status().unwrap().success());
    check_rejected(&cache, 1, "no plain file");
}

#[test]
fn a_key_that_others_may_know_is_replaced() {
    type Spoil = fn(&Path);
    let spoils: [Spoil; 4] = [
        |key| mode(key, 0o644),
        |key| fs::write(key, b"short").unwrap(),
        |key| fs::remove_file(key).unwrap(),
        |key| {
            fs::rename(key, key.with_extension("old")).unwrap();
            symlink(key.with_extension("old"), key).unwrap();
        },
    ];
    for spoil in spoils {
        let dir = tempfile::tempdir().unwrap();
        cache(dir.path()).put(&name(1), b"code").unwrap();
        spoil(&dir.path().join(KEY_FILE));
        let cache = cache(dir.path());
        check_rejected(&cache, 1, "written by another");
        assert_eq!(fs::symlink_metadata(dir.path().join(KEY_FILE)).unwrap().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_folder_that_others_could_enter_is_closed_and_one_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache");
    fs::create_dir(&path).unwrap();
    mode(&path, 0o777);
    cache(&path);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    let refused = Cache::open(CacheOptions { dir: link, bytes: 1 }).unwrap_err().to_string();
    assert!(refused.contains("link: it is no folder"), "{refused}");
}

#[test]
fn the_oldest_go_when_it_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(dir.path());
    for of in 0..10 {
        cache.put(&name(of), &[of; 2_000]).unwrap();
        // Used all the time, so never the oldest.
        assert!(matches!(cache.get(&name(0)), Found::Entry(_)), "at {of}");
        std::thread::sleep(std::time::Duration::from_millis(15));
    }
    let kept: Vec<_> = (0..10).filter(|of| cache.holds(&name(*of))).collect();
    assert_eq!(kept, [0, 7, 8, 9]);
    assert!(cache.put(&name(99), &[0; 20_000]).is_err());
    assert!(
        !fs::read_dir(dir.path())
            .unwrap()
            .any(|file| { file.unwrap().file_name().to_string_lossy().starts_with(UNFINISHED) })
    );
}

#[test]
fn what_a_crash_left_half_written_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    cache(dir.path()).put(&name(1), b"code").unwrap();
    let half = dir.path().join(format!("{UNFINISHED}1-1"));
    fs::write(&half, b"half").unwrap();
    let cache = cache(dir.path());
    assert!(!half.exists());
    assert!(matches!(cache.get(&name(1)), Found::Entry(_)));
}

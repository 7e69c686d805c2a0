//! Signing keys in files.
//!
//! Four lines of text; the last one detects a digit that was changed by hand:
//!
//! ```text
//! carrack-signing-key 1
//! curve k256
//! secret 9085d2bef69286a6cbb51623c8fa258629945cd55ca705cc4e66700396894e0c
//! public did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme
//! ```
//!
//! ```
//! use carrack::env::SystemRandom;
//! use carrack::key::{Curve, SigningKey, key_file};
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("account.key");
//! let key = SigningKey::generate(Curve::K256, &SystemRandom)?;
//! key_file::write_new(&path, &key)?;
//! assert_eq!(key_file::read(&path)?.verifying_key(), key.verifying_key());
//! # Ok::<(), carrack::Error>(())
//! ```

use super::{Curve, KeyError, SigningKey, VerifyingKey};
use crate::ident::SyntaxError;
use crate::part_file::PartFile;
use data_encoding::HEXLOWER;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Every key file begins with these bytes, in this version of the form and in later ones.
///
/// ```
/// use carrack::env::SystemRandom;
/// use carrack::key::{Curve, SigningKey, key_file};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("account.key");
/// key_file::write_new(&path, &SigningKey::generate(Curve::K256, &SystemRandom)?)?;
/// assert!(std::fs::read(&path).unwrap().starts_with(key_file::MAGIC));
/// # Ok::<(), carrack::Error>(())
/// ```
pub const MAGIC: &[u8] = b"carrack-signing-key ";
const HEADER: &str = "carrack-signing-key 1";
/// The four lines take about 200 bytes.
const FILE_BYTES_MAX: u64 = 1024;

/// Writes a key to a new file that only its owner may read, and flushes it to disk.
///
/// # Errors
/// [`KeyError::Exists`] if there is a file already: it is never overwritten. [`KeyError::Io`] if
/// writing fails; no file is left then.
pub fn write_new(path: impl AsRef<Path>, key: &SigningKey) -> Result<(), KeyError> {
    let path = path.as_ref();
    let failed = |error| KeyError::io(format!("writing the key file {}", path.display()), error);
    // Checked again at the rename.
    if path.symlink_metadata().is_ok() {
        return Err(KeyError::Exists(path.to_owned()));
    }
    let part = PartFile::private(path).map_err(failed)?;
    part.file().write_all(encode(key).as_bytes()).map_err(failed)?;
    part.publish(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => failed(error),
    })
}

/// Reads a key that [`write_new`] wrote.
///
/// # Errors
/// [`KeyError::Io`] if it cannot be read; [`KeyError::Unusable`] if other users may read it, it is
/// not a key file, or its secret and its did:key do not match.
pub fn read(path: impl AsRef<Path>) -> Result<SigningKey, KeyError> {
    let path = path.as_ref();
    let failed = |error| KeyError::io(format!("reading the key file {}", path.display()), error);
    let wrong = |why: &str| KeyError::Unusable(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(wrong("not a file"));
    }
    if let Some(mode) = open_to_others(&metadata) {
        let message = format!("others may read it (mode {mode:03o}); make it 600 with chmod");
        return Err(wrong(&message));
    }
    // Capacity for the whole file, so that growing leaves no copies of the secret in memory.
    let mut text = Zeroizing::new(String::with_capacity(2048));
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| {
        if error.kind() == ErrorKind::InvalidData { wrong("not a key file") } else { failed(error) }
    })?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(wrong("not a key file: too long"));
    }
    decode(&text).map_err(|why| wrong(&why))
}

/// The mode, if it gives access to others than the owner.
fn open_to_others(metadata: &std::fs::Metadata) -> Option<u32> {
    #[cfg(unix)]
    let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o777;
    #[cfg(not(unix))]
    let mode = {
        let _ = metadata;
        0
    };
    (mode & 0o077 != 0).then_some(mode)
}

fn encode(key: &SigningKey) -> Zeroizing<String> {
    let secret = Zeroizing::new(HEXLOWER.encode(&*key.to_bytes()));
    let (curve, public) = (key.curve(), key.verifying_key());
    Zeroizing::new(format!(
        "{HEADER}\ncurve {curve}\nsecret {}\npublic {public}\n",
        secret.as_str()
    ))
}

fn decode(text: &str) -> Result<SigningKey, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("not a key file: it does not begin with {HEADER:?}"));
    }
    let mut value = |name: &str| {
        let line = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.ok_or_else(|| format!("not a key file: no line {name:?} where it should be"))
    };
    let curve: Curve = value("curve")?.parse().map_err(|error: SyntaxError| error.to_string())?;
    let secret = HEXLOWER.decode(value("secret")?.as_bytes()).map(Zeroizing::new);
    let secret = secret.map_err(|_| "the secret is not in lower-case hexadecimal".to_owned())?;
    let public = VerifyingKey::from_did_key(value("public")?).map_err(|error| error.to_string())?;
    if lines.next().is_some() {
        return Err("not a key file: more than four lines".to_owned());
    }
    let key = SigningKey::from_bytes(curve, &secret).map_err(|error| error.to_string())?;
    if key.verifying_key() != public {
        return Err(format!("the secret is not that of {public}"));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::SeededRandom;

    fn key(curve: Curve) -> SigningKey {
        SigningKey::generate(curve, &SeededRandom::new(3)).unwrap()
    }

    fn private(path: &Path, text: &str) {
        let part = PartFile::private(path).unwrap();
        part.file().write_all(text.as_bytes()).unwrap();
        part.publish(path).unwrap();
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for curve in [Curve::K256, Curve::P256] {
            let path = path.with_extension(curve.as_str());
            write_new(&path, &key(curve)).unwrap();
            let before = std::fs::read(&path).unwrap();
            let error = write_new(&path, &key(Curve::K256)).unwrap_err();
            assert!(matches!(error, KeyError::Exists(_)));
            assert_eq!(std::fs::read(&path).unwrap(), before);
            assert_eq!(read(&path).unwrap().verifying_key(), key(curve).verifying_key());
        }
    }

    #[cfg(unix)]
    #[test]
    fn others_may_not_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new(&path, &key(Curve::K256)).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o660, 0o644] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.to_string().contains("others may read it"), "{error}");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert!(read(&path).is_ok());
    }

    #[test]
    fn whatever_is_no_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let right = encode(&key(Curve::K256));
        let secret = right.lines().nth(2).unwrap();
        let other = encode(&SigningKey::from_bytes(Curve::K256, &[7; 32]).unwrap());
        let foreign = other.lines().nth(2).unwrap();
        for (number, wrong) in [
            right.replace("key 1", "key 2"),
            right.replace("k256", "p256"),
            right.replace("k256", "ed25519"),
            right.replace(secret, foreign),
            right.replace(secret, "secret 00"),
            right.replace(secret, &secret.to_uppercase()),
            format!("{}\n", &**right),
            format!("{}{}", &**right, "\n".repeat(2000)),
            String::new(),
            right.lines().take(3).collect::<Vec<_>>().join("\n"),
        ]
        .iter()
        .enumerate()
        {
            let path = folder.path().join(number.to_string());
            private(&path, wrong);
            let error = read(&path).unwrap_err();
            assert!(matches!(error, KeyError::Unusable(_)), "{number}: {error}");
            assert!(!error.to_string().contains(secret), "{error}");
        }
        assert!(matches!(read(folder.path().join("none")), Err(KeyError::Io { .. })));
        assert!(matches!(read(folder.path()), Err(KeyError::Unusable(_) | KeyError::Io { .. })));
    }
}

#!/usr/bin/env python3
"""Writes the tables of this folder from the sources that README.md names. What is a digest or a root
there is computed here, by code that shares nothing with Carrack.

    write.py FIXTURES            writes the tables
    write.py FIXTURES --check    compares them with what would be written
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
INTEROP = "github.com/bluesky-social/atproto-interop-tests at 056e5741, CC0-1.0"
SUITE = "MST Test Suite by David Buchanan, MIT"
DASL = "github.com/hyphacoop/dasl-testing at e26bb8cf, MIT"

quoted = json.dumps
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def unbase58(text):
    number = 0
    for letter in text:
        number = number * 58 + BASE58.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def unbase64(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def lines(path):
    return [line for line in path.read_text().split("\n") if line and not line.startswith("#")]


class Sources:
    def __init__(self, root):
        self.root = root
        self.interop = root / "atproto-interop-tests"

    def json(self, name):
        return json.loads((self.interop / name).read_text())


# --- A tree, as the specification describes it ---------------------------------------------------


def cid_bytes(content):
    return b"\x01\x71\x12\x20" + hashlib.sha256(content).digest()


def cid_text(cid):
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def cid_of_text(text):
    upper = text[1:].upper()
    return base64.b32decode(upper + "=" * (-len(upper) % 8))


def layer(key):
    bits = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    return (256 - bits.bit_length()) // 2


def head(major, length):
    if length < 24:
        return bytes([major << 5 | length])
    size, info = (1, 24) if length < 256 else (2, 25)
    return bytes([major << 5 | info]) + length.to_bytes(size, "big")


def link(cid):
    return b"\xf6" if cid is None else b"\xd8\x2a" + head(2, len(cid) + 1) + b"\x00" + cid


def root_of(keys, value):
    """The CID of the tree of these keys, all with one value."""
    keys = sorted(keys)
    return node(keys, max(map(layer, keys), default=0), value, is_root=True)


def node(keys, height, value, is_root=False):
    if not keys and not is_root:
        return None
    groups, own = [[]], []
    for key in keys:
        if layer(key) == height:
            own.append(key)
            groups.append([])
        else:
            groups[-1].append(key)
    left, *rights = [node(group, height - 1, value) for group in groups]
    entries, last = b"", b""
    for key, right in zip(own, rights):
        key = key.encode()
        shared = next((i for i, (a, b) in enumerate(zip(last, key)) if a != b), min(len(last), len(key)))
        suffix = key[shared:]
        entries += b"\xa4" + b"\x61k" + head(2, len(suffix)) + suffix + b"\x61p" + head(0, shared)
        entries += b"\x61t" + link(right) + b"\x61v" + link(value)
        last = key
    return cid_bytes(b"\xa2\x61e" + head(4, len(own)) + entries + b"\x61l" + link(left))


# --- The tables ----------------------------------------------------------------------------------


def key_heights(sources):
    yield f"# Source: {INTEROP}: mst/key_heights.json"
    yield "# The layer of a key, the key."
    for case in sources.json("mst/key_heights.json"):
        yield case["height"], quoted(case["key"])


def prefixes(sources):
    yield f"# Source: {INTEROP}: mst/common_prefix.json"
    yield "# How many bytes two keys share, the keys."
    for case in sources.json("mst/common_prefix.json"):
        yield case["len"], quoted(case["left"]), quoted(case["right"])


def signatures(sources):
    yield f"# Source: {INTEROP}: crypto/signature-fixtures.json"
    yield "# What the signature is (valid, high-s, der), curve, public key as did:key and as SEC 1, message, signature."
    curves = {"ES256": "P256", "ES256K": "K256"}
    for case in sources.json("crypto/signature-fixtures.json"):
        [verdict] = ["valid"] if case["validSignature"] else case["tags"]
        sec1 = unbase58(case["publicKeyMultibase"][1:])
        message, signature = (unbase64(case[name]) for name in ("messageBase64", "signatureBase64"))
        did, verdict = case["publicKeyDid"], verdict.removesuffix("-encoded")
        yield verdict, curves[case["algorithm"]], did, sec1.hex(), message.hex(), signature.hex()


def did_keys(sources):
    yield f"# Source: {INTEROP}: crypto/w3c_didkey_K256.json, crypto/w3c_didkey_P256.json"
    yield "# Curve, private key, public key."
    for case in sources.json("crypto/w3c_didkey_K256.json"):
        yield "K256", case["privateKeyBytesHex"], case["publicDidKey"]
    for case in sources.json("crypto/w3c_didkey_P256.json"):
        yield "P256", unbase58(case["privateKeyBytesBase58"]).hex(), case["publicDidKey"]


def data_model(sources):
    yield f"# Source: {INTEROP}: data-model/"
    yield "# both: CID, CBOR, JSON of one value. valid, invalid: JSON that is a record, or is none."
    short = lambda value: json.dumps(value, separators=(",", ":"))
    for case in sources.json("data-model/data-model-fixtures.json"):
        yield "both", case["cid"], unbase64(case["cbor_base64"]).hex(), short(case["json"])
    for kind in "valid", "invalid":
        for case in sources.json(f"data-model/data-model-{kind}.json"):
            yield kind, case["note"], short(case["json"])


def syntax(sources):
    yield f"# Source: {INTEROP}: syntax/"
    yield "# What it is, whether it is a right one, the text."
    for kind in "did", "nsid", "recordkey", "tid", "datetime":
        for verdict in "valid", "invalid":
            cases = lines(sources.interop / f"syntax/{kind}_syntax_{verdict}.txt")
            if (kind, verdict) == ("datetime", "invalid"):
                cases += lines(sources.interop / "syntax/datetime_parse_invalid.txt")
            # Each once.
            for case in dict.fromkeys(cases):
                yield kind, verdict, quoted(case)


def example_tree(sources):
    keys = lines(sources.interop / "mst/example_keys.txt")
    value = sources.json("firehose/commit-proof-fixtures.json")[0]["leafValue"]
    yield f"# Source: {INTEROP}: mst/example_keys.txt"
    yield "# The keys of a letter: of layer 0 to 5, as the digit in them says (A3/578971 is of layer 3)."
    yield "# The root is that of all of them with one value, computed by write.py."
    by_letter = {}
    for key in keys:
        name, number = key.split("/")
        row = by_letter.setdefault(name[0], [])
        assert name[1:] == str(len(row)) == str(layer(key)), key
        row.append(number)
    yield "value", value
    yield "root", cid_text(root_of(keys, cid_of_text(value)))
    for letter, numbers in by_letter.items():
        yield "keys", letter, " ".join(numbers)


def commit_proofs(sources):
    yield f"# Source: {INTEROP}: firehose/commit-proof-fixtures.json"
    yield "# Keys, all with the value of example-tree.tsv: those before the commit, those added, those"
    yield "# deleted; the roots before and after; the blocks of the proof. Of keys that are in"
    yield "# example-tree.tsv only the beginning: A3 is A3/578971."
    value = cid_of_text(next(row[1] for row in example_tree(sources) if row[0] == "value"))
    known = set(lines(sources.interop / "mst/example_keys.txt"))
    for case in sources.json("firehose/commit-proof-fixtures.json"):
        assert cid_of_text(case["leafValue"]) == value
        before = set(case["keys"])
        after = before.union(case["adds"]).difference(case["dels"])
        # What computes the root of the example is right.
        assert cid_text(root_of(before, value)) == case["rootBeforeCommit"]
        assert cid_text(root_of(after, value)) == case["rootAfterCommit"]
        name = lambda key: key[:2] if key in known else key
        names = [" ".join(map(name, case[field])) or "-" for field in ("keys", "adds", "dels")]
        roots = case["rootBeforeCommit"], case["rootAfterCommit"]
        yield case["comment"], *names, *roots, " ".join(case["blocksInProof"])


def differences(sources):
    folder = sources.root / "mst-test-suite"
    cids = lines(folder / "mst-diff-compact.cids")
    roots = {}
    for line in lines(folder / "mst-cars.jsonl"):
        car = json.loads(line)
        roots[int(car["path"].removesuffix(".car").rpartition("_")[2])] = car["root"]
    cid = lambda number: "-" if number == "-" else cids[int(number)]
    listed = lambda column: [] if column == "-" else column.split(",")
    keys, texts, held = {}, {}, {}
    for line in lines(folder / "mst-diff-compact.tsv"):
        a, b, created, deleted, ops, proof, inductive = line.split("\t")
        sets = [" ".join(sorted(map(cid, listed(column)))) for column in (created, deleted, proof, inductive)]
        changes = []
        for op in ops.split(";") if ops != "-" else []:
            path, values = op.split("=")
            old, new = map(cid, values.split(">"))
            changes.append(f"{path} {old} {new}")
            if a == "000":
                keys[path] = new
                held.setdefault(int(b), set()).add(path)
        text = ":".join([str(int(b)), *sets, ",".join(changes)])
        texts.setdefault(int(a), []).append(text)
    yield f"# Source: {SUITE}: mst-diff-compact.tsv, mst-cars.jsonl"
    yield "# Seven keys with their values; a tree of each of their 128 subsets (bit n of a tree's number: key"
    yield "# n is in it) with its root; and for each tree, the SHA-256 over what the suite says of the"
    yield "# difference from it to each of the 128, one line each (tests/it/tree_vectors.rs writes them)."
    for number, path in enumerate(sorted(keys)):
        yield "key", number, path, keys[path]
    for number, paths in held.items():
        assert paths == {path for bit, path in enumerate(sorted(keys)) if number >> bit & 1}
    assert sorted(roots) == sorted(texts) == list(range(128)) and len(keys) == 7
    for number, all_of_it in sorted(texts.items()):
        assert len(all_of_it) == 128
        text = "".join(f"{line}\n" for line in all_of_it)
        yield "tree", number, roots[number], hashlib.sha256(text.encode()).hexdigest()


def drisl(sources):
    yield f"# Source: {DASL}: all files"
    yield "# right: bytes that are read and written as they are. wrong: bytes that are refused. Whether the"
    yield "# case is of DAG-CBOR (dag-cbor, basic), of its CIDs (dasl-cid), or of something else (other)."
    for path in sorted((sources.root / "dasl-testing").glob("*.json")):
        for case in json.loads(path.read_text()):
            verdict = "right" if case["type"] == "roundtrip" else "wrong"
            tags = [tag for tag in ("dag-cbor", "basic", "dasl-cid") if tag in case["tags"]]
            yield verdict, " ".join(tags) or "other", case["data"], case["name"]


TABLES = {
    "key-heights": key_heights,
    "prefixes": prefixes,
    "signatures": signatures,
    "did-keys": did_keys,
    "data-model": data_model,
    "syntax": syntax,
    "example-tree": example_tree,
    "commit-proofs": commit_proofs,
    "differences": differences,
    "drisl": drisl,
}


def main():
    sources, check = Sources(Path(sys.argv[1])), sys.argv[2:] == ["--check"]
    wrong = []
    for name, rows in TABLES.items():
        text = ""
        for row in rows(sources):
            row = row if isinstance(row, str) else "\t".join(map(str, row))
            assert "\n" not in row
            text += f"{row}\n"
        path = HERE / f"{name}.tsv"
        if not check:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            wrong.append(f"{path.name} is not what its source says")
    print("\n".join(wrong), end="", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

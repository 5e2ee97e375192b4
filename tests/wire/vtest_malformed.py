"""Requests that must end their connection, each with the log's exact reason, and no other."""

import os

import vtest_peer as peer
from vtest_peer import words

U32_MAX = 2**32 - 1


class Malformed(peer.VtestCase):
    def check(self, data, *reasons, ready=True):
        guest = self.guest(ready=ready, name="bad")
        guest.send(data)
        self.assert_refused(guest, *reasons)
        guest.close()

    def check_submit(self, payload, reason):
        """The reason, and that nothing of the message has taken effect."""
        guest = self.guest(name="bad")
        resource, memory = guest.create_memory()
        sync = guest.create_sync()
        payload = [{"sync": sync, "resource": resource}.get(word, word) for word in payload]
        guest.send(words(len(payload), 24, *payload))
        self.assert_refused(guest, f"(bad): connection closed: SUBMIT_CMD2: {reason}")
        self.assertEqual(peer.get_word(memory, 0), 0)
        memory.close()
        guest.close()

    def test_unknown_ids(self):
        for message_id in (0, 1, 2, 4, 5, 6, 9, 12, U32_MAX):
            self.check(words(0, message_id),
                       f"connection closed: header: unknown message id {message_id} (length 0)")

    def test_unknown_ids_of_later_versions(self):
        for message_id in (13, 14, 25, 30, 37, 38, 39):
            self.check(words(3, message_id, 0, 0, 0),
                       f"connection closed: header: unknown message id {message_id} (length 3)")

    def test_unknown_id_is_refused_before_its_payload(self):
        self.check(words(U32_MAX, 77), f"unknown message id 77 (length {U32_MAX})")

    FIXED = {
        "RESOURCE_UNREF": (3, 1), "RESOURCE_BUSY_WAIT": (7, 2), "PING_PROTOCOL_VERSION": (10, 0),
        "PROTOCOL_VERSION": (11, 1), "GET_PARAM": (15, 1), "GET_CAPSET": (16, 2),
        "CONTEXT_INIT": (17, 1), "RESOURCE_CREATE_BLOB": (18, 6), "SYNC_CREATE": (19, 2),
        "SYNC_UNREF": (20, 1), "SYNC_READ": (21, 1), "SYNC_WRITE": (22, 3),
    }

    def check_lengths(self, names):
        for name in names:
            message_id, length = self.FIXED[name]
            for wrong in (length - 1, length + 1, U32_MAX):
                if wrong < 0:
                    continue
                verdict = "short" if wrong < length else "long"
                self.check(words(wrong, message_id),
                           f"{name}: length: {wrong} dwords is too {verdict}")

    def test_lengths_1(self):
        self.check_lengths(list(self.FIXED)[:3])

    def test_lengths_2(self):
        self.check_lengths(list(self.FIXED)[3:6])

    def test_lengths_3(self):
        self.check_lengths(list(self.FIXED)[6:9])

    def test_lengths_4(self):
        self.check_lengths(list(self.FIXED)[9:])

    def test_length_that_wraps_in_bytes(self):
        """2^30 dwords are 2^32 bytes."""
        for message_id, name in ((23, "SYNC_WAIT"), (24, "SUBMIT_CMD2")):
            self.check(words(1 << 30, message_id),
                       f"{name}: length: {1 << 30} dwords exceed the limit of {64 << 20} bytes")

    def test_variable_lengths(self):
        self.check(words(0, 24), "SUBMIT_CMD2: length: 0 dwords is too short")
        self.check(words(0, 23), "SYNC_WAIT: length: 0 dwords is too short")
        self.check(words(1, 23), "SYNC_WAIT: length: 1 dwords is too short")
        for extra in (1, 2):
            self.check(words(5 + extra, 23, 0, 0, *[1] * (3 + extra)),
                       f"SYNC_WAIT: length: {5 + extra} dwords are no whole number of entries")

    def test_names(self):
        self.check(words(0, 8), "CREATE_RENDERER: length: 0 bytes is too short", ready=False)
        self.check(words(4097, 8), "CREATE_RENDERER: length: 4097 bytes is too long", ready=False)
        self.check(words(3, 8) + b"abc", "CREATE_RENDERER: name: the last of 3 bytes is not 0",
                   ready=False)
        self.check(words(2, 8) + b"a\0", "CREATE_RENDERER: the renderer has been created before")

    def test_order(self):
        for name in ("RESOURCE_UNREF", "RESOURCE_CREATE_BLOB", "SYNC_CREATE", "SYNC_READ"):
            message_id, length = self.FIXED[name]
            self.check(words(length, message_id, *[0] * length),
                       f"{name}: comes before CONTEXT_INIT", ready=False)
        self.check(words(1, 24, 0), "SUBMIT_CMD2: comes before CONTEXT_INIT", ready=False)
        self.check(words(1, 17, 4), "CONTEXT_INIT: the context has been created before")

    def test_capsets(self):
        for capset in (0, 1, 2, 5, U32_MAX):
            self.check(words(1, 17, capset), f"CONTEXT_INIT: capset {capset}: only 4 (Venus)",
                       ready=False)

    def test_blobs(self):
        for kind in (0, 1, 3, U32_MAX):
            self.check(words(6, 18, kind, 1, 4096, 0, 0, 0),
                       f"RESOURCE_CREATE_BLOB: type {kind}: only 2 (host memory) is served")
        for flags in (8, 0x80000001):
            self.check(words(6, 18, 2, flags, 4096, 0, 0, 0),
                       f"RESOURCE_CREATE_BLOB: flags 0x{flags:x}: unknown bits")
        self.check(words(6, 18, 2, 1, 0, 0, 0, 0), "RESOURCE_CREATE_BLOB: size 0")

    def test_unknown_resources(self):
        for resource in (1, 2, U32_MAX):
            self.check(words(1, 3, resource),
                       f"RESOURCE_UNREF: resource_id {resource}: no such resource")
        guest = self.guest(name="twice")
        resource, memory = guest.create_memory()
        memory.close()
        guest.request(peer.RESOURCE_UNREF, resource)
        guest.request(peer.RESOURCE_UNREF, resource)
        self.assert_refused(guest, "(twice): connection closed: RESOURCE_UNREF: resource_id 1: no")

    def test_resource_of_a_refused_blob(self):
        guest = self.guest(name="bad")
        guest.request_blob(4096, blob_id=1000)
        os.close(guest.receive_blob()[1])
        guest.request(peer.RESOURCE_UNREF, 1)
        self.assert_refused(guest, "RESOURCE_UNREF: resource_id 1: no such resource")

    def test_unknown_syncs(self):
        for sync in (0, 2, U32_MAX):
            self.check(words(1, 20, sync), f"SYNC_UNREF: sync_id {sync}: no such sync")
            self.check(words(1, 21, sync), f"SYNC_READ: sync_id {sync}: no such sync")
            self.check(words(3, 22, sync, 1, 0), f"SYNC_WRITE: sync_id {sync}: no such sync")

    def test_unknown_syncs_in_waits(self):
        guest = self.guest(name="bad")
        sync = guest.create_sync()
        guest.request(23, 0, U32_MAX, sync, 1, 0, sync + 1, 1, 0)
        self.assert_refused(guest, f"SYNC_WAIT: sync_id {sync + 1}: no such sync")

    def test_destroyed_sync(self):
        guest = self.guest(name="bad")
        sync = guest.create_sync()
        guest.request(20, sync)
        guest.request(21, sync)
        self.assert_refused(guest, f"SYNC_READ: sync_id {sync}: no such sync")

    def test_sync_of_another_client(self):
        self.check(words(1, 21, self.sync_of_bystander), "SYNC_READ: sync_id 1: no such sync")

    def test_wait_flags(self):
        for flags in (2, 3, 0x80000000):
            self.check(words(2, 23, flags, 0), f"SYNC_WAIT: flags 0x{flags:x}: unknown bits")

    # ---- SUBMIT_CMD2. The command, if run, would store 1 at the start of the memory.

    COMMAND = [2, "resource", 0, 1]

    def test_header_cut_off(self):
        for words_of_header in range(6):
            self.check_submit([1, 1, 7, 0, 7, 0, 0][:1 + words_of_header],
                              f"batch_count 1: the headers do not fit into {1 + words_of_header}")

    def test_batch_counts(self):
        for count in (2, 3, 0x2AAAAAAB, 0x20000000, U32_MAX):
            self.check_submit([count, 1, 7, 4, 11, 0, 0, *self.COMMAND],
                              f"batch_count {count}: the headers do not fit into 11 dwords")

    def test_strides(self):
        for offset in (0, 1, 12, 14, 16, 18, U32_MAX):
            self.check_submit([2, 1, offset, 4, 13, 0, 0, 1, 13, 0, 13, 0, 0, *self.COMMAND],
                              f"batch 0: cmd_offset {offset} tells no header size for 2 batches")

    def test_new_headers_cut_off(self):
        """Three new headers would be 24 dwords: here are 18, enough for three old ones."""
        self.check_submit([3, 1, 25, *[0] * 16],
                          "batch 0: cmd_offset 25 tells no header size for 3 batches")

    def test_command_ranges(self):
        for offset, size in ((11, 1), (12, 0), (7, 5), (0, 12), (U32_MAX, 0), (U32_MAX, 1),
                             (U32_MAX, U32_MAX), (7, U32_MAX), (7, 0x40000004)):
            self.check_submit([1, 1, offset, size, 11, 0, 0, *self.COMMAND],
                              f"batch 0: cmd_offset {offset}, cmd_size {size}: outside the payload "
                              "of 11 dwords")

    def test_sync_ranges(self):
        for offset, count in ((12, 1), (15, 0), (11, 2), (0, 5), (U32_MAX, 0), (U32_MAX, 1),
                              (11, U32_MAX), (11, 0x55555556), (11, 0x15555556)):
            self.check_submit([1, 1, 7, 4, offset, count, 0, *self.COMMAND, "sync", 1, 0],
                              f"batch 0: sync_offset {offset}, sync_count {count}: outside the "
                              "payload of 14 dwords")

    def test_second_batch(self):
        self.check_submit([2, 1, 13, 4, 17, 0, 0, 1, 13, 5, 17, 0, 0, *self.COMMAND],
                          "batch 1: cmd_offset 13, cmd_size 5: outside the payload of 17 dwords")

    def test_shared_bytes(self):
        self.check_submit([2, 1, 13, 4, 17, 0, 0, 1, 13, 4, 17, 0, 0, *self.COMMAND],
                          "batch 1: shares bytes with another part")
        self.check_submit([1, 1, 1, 10, 11, 0, 0, *self.COMMAND],
                          "batch 0: shares bytes with another part")

    def test_syncs(self):
        for sync in (0, 2, U32_MAX):
            self.check_submit([1, 1, 7, 4, 11, 2, 0, *self.COMMAND, "sync", 1, 0, sync, 1, 0],
                              f"batch 0: sync_id {sync}: no such sync")

    def test_ring_idx(self):
        for ring_idx in (64, 65, U32_MAX):
            self.check_submit([1, 1, 7, 4, 11, 1, ring_idx, *self.COMMAND, "sync", 1, 0],
                              f"batch 0: ring_idx {ring_idx}: there are 64")

    def test_fence_descriptors(self):
        for flags in (3, 5, 7):
            self.check_submit([1, flags, 7, 4, 11, 0, 0, *self.COMMAND],
                              f"batch 0: flags 0x{flags:x}: fence descriptors are not served")

    def test_unknown_flags(self):
        for flags in (8, 0x80000001):
            self.check_submit([1, flags, 7, 4, 11, 0, 0, *self.COMMAND],
                              f"batch 0: flags 0x{flags:x}: unknown bits")


if __name__ == "__main__":
    peer.main()

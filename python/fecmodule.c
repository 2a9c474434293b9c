/* SPDX-License-Identifier: MIT */
/*
 * fecmodule.c - the extension module sherd.zfec._fec: Encoder, Decoder, Error, test_from_agl().
 *
 * How a call works. All arguments are read first: the block numbers into arrays, each block as a
 * locked Py_buffer, the sequences copied into tuples so that no other thread can change them. Then
 * the results are made as bytes objects which nobody else can see yet, the interpreter's lock is
 * released, sherd_fec_run() fills them, and the lock is taken again. Everything a call holds is in
 * one `struct call`, which a cleanup attribute gives back on every way out.
 *
 * Only the stable ABI of Python 3.11 is used, so one file serves that and all later versions. There
 * is no static state: the exception type lives in the module, and each object points to it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <stdint.h>
#include <string.h>
#include "fecplan.h"

#define BLOCKS_MAX SHERD_FEC_SHARES_MAX
#define STREAM_SIZE (16u << 20) /* bytes of one call above which the caches are of no use */

struct module_state {
	PyObject *error; /* the exception type _fec.Error */
};

/* An Encoder or a Decoder. All but the head is zero until __init__() has succeeded. */
struct coder {
	PyObject_HEAD struct module_state
		*state; /* lives as long as the type, hence as long as this */
	int k, m;
	struct fec_code *code;
	struct fec_plan *all;  /* Encoder: all check blocks from all data blocks */
	struct fec_plan *last; /* the plan made last for other blocks, or NULL */
};

/* What one running call holds. */
struct call {
	struct module_state *state;
	struct fec_code *code;
	struct fec_plan *plan;
	size_t size;         /* bytes of each block */
	size_t views_count;  /* buffers locked */
	size_t wanted_count; /* results made, at `made` and `wanted` */
	Py_buffer views[BLOCKS_MAX];
	unsigned known_numbers[BLOCKS_MAX], wanted_numbers[BLOCKS_MAX];
	const uint8_t *known[BLOCKS_MAX];
	uint8_t *wanted[BLOCKS_MAX];
	PyObject *made[BLOCKS_MAX];
	int position[BLOCKS_MAX]; /* of a block's number in `known` or `wanted`; -1: not there */
};

static void drop_reference(PyObject **object)
{
	Py_XDECREF(*object);
}

static void call_free(struct call **call_)
{
	struct call *call = *call_;

	if (!call)
		return;
	for (size_t i = 0; i < call->views_count; i++)
		PyBuffer_Release(&call->views[i]);
	for (size_t i = 0; i < call->wanted_count; i++)
		Py_XDECREF(call->made[i]);
	fec_plan_unref(call->plan);
	fec_code_unref(call->code);
	PyMem_Free(call);
}

#define CLEAN_REF __attribute__((cleanup(drop_reference)))
#define CLEAN_CALL __attribute__((cleanup(call_free)))

static void raise_error(struct module_state *state, const struct sherd_error *err)
{
	if (err->code == SHERD_NOMEM)
		PyErr_NoMemory();
	else
		PyErr_SetString(state->error, err->message);
}

/* A call on ${self}, or NULL with an exception. */
static struct call *call_new(struct coder *self)
{
	struct call *call;

	if (!self->code) {
		PyErr_SetString(self->state->error,
			"Precondition violation: __init__() has not been called");
		return NULL;
	}
	call = PyMem_Malloc(sizeof(*call));
	if (!call) {
		PyErr_NoMemory();
		return NULL;
	}
	call->state = self->state;
	call->code = fec_code_ref(self->code);
	call->plan = NULL;
	call->size = 0;
	call->views_count = 0;
	call->wanted_count = 0;
	for (size_t i = 0; i < BLOCKS_MAX; i++)
		call->position[i] = -1;
	return call;
}

/* The items of any iterable as a tuple of our own; TypeError ${text} if it is none. */
static PyObject *items_of(PyObject *iterable, const char *text)
{
	PyObject *sequence = PySequence_Fast(iterable, text);
	PyObject *tuple;

	if (!sequence || PyTuple_CheckExact(sequence))
		return sequence;
	tuple = PySequence_Tuple(sequence);
	Py_DECREF(sequence);
	return tuple;
}

/*
 * One block number. 0, or -1 with an exception. The texts are the original's where it has one; it
 * had none for the numbers from m to 255, which it took, and read beyond its tables.
 */
static int block_number(struct call *call, PyObject *item, unsigned *ret_number)
{
	PyObject *error = call->state->error;
	int overflow;
	long number;

	if (!PyLong_Check(item)) {
		PyErr_SetString(error,
			"Precondition violation: second argument is required to contain int.");
		return -1;
	}
	number = PyLong_AsLongAndOverflow(item, &overflow);
	if (number == -1 && !overflow && PyErr_Occurred())
		return -1;
	if (overflow) {
		PyErr_Format(error,
			"Precondition violation: block nums can't be less than zero or greater "
			"than "
			"255.  One was %s than any machine integer.\n",
			overflow < 0 ? "less" : "greater");
		return -1;
	}
	if (number < 0 || number > 255) {
		PyErr_Format(error,
			"Precondition violation: block nums can't be less than zero or greater "
			"than "
			"255.  %ld\n",
			number);
		return -1;
	}
	if (number >= (long)call->code->m) {
		PyErr_Format(error,
			"Precondition violation: block nums are required to be less than m.  block "
			"num: %ld, m: %d",
			number, (int)call->code->m);
		return -1;
	}
	*ret_number = (unsigned)number;
	return 0;
}

/* Lock the next known block. 0, or -1 with an exception (TypeError or BufferError). */
static int lock_block(struct call *call, PyObject *block)
{
	size_t i = call->views_count;

	if (PyObject_GetBuffer(block, &call->views[i], PyBUF_SIMPLE) < 0)
		return -1;
	call->views_count++;
	call->known[i] = call->views[i].buf;
	if (call->views[i].len == 0)
		call->known[i] = (const uint8_t *)"";
	return 0;
}

/* All locked blocks have one length, or -1 with an exception. ${tail} ends its text. */
static int check_lengths(struct call *call, const char *tail)
{
	for (size_t i = 1; i < call->views_count; i++) {
		if (call->views[i].len == call->views[0].len)
			continue;
		PyErr_Format(call->state->error,
			"Precondition violation: Input blocks are required to be all the same "
			"length.  length of one block was: %zd, length of another block was: %zd%s",
			call->views[0].len, call->views[i].len, tail);
		return -1;
	}
	call->size = call->views_count ? (size_t)call->views[0].len : 0;
	return 0;
}

/* Find or make the plan, make the results, and compute. 0, or -1 with an exception. */
static int call_run(struct call *call, struct coder *self, size_t wanted_count)
{
	struct sherd_fec_options options = {0};
	struct sherd_error err;
	int r;

	if (wanted_count == 0)
		return 0;
	r = fec_plan_get(call->code, self->all, &self->last, call->known_numbers,
		call->wanted_numbers, wanted_count, &call->plan, &err);
	if (r < 0) {
		raise_error(call->state, &err);
		return -1;
	}
	for (size_t i = 0; i < wanted_count; i++) {
		call->made[i] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)call->size);
		if (!call->made[i])
			return -1;
		call->wanted_count = i + 1;
		call->wanted[i] = (uint8_t *)PyBytes_AsString(call->made[i]);
	}
	if (call->size == 0)
		return 0;

	options.stream = call->size > STREAM_SIZE / (call->code->k + wanted_count);
	Py_BEGIN_ALLOW_THREADS r = sherd_fec_run(
		call->plan->plan, call->known, call->wanted, call->size, &options, &err);
	Py_END_ALLOW_THREADS if (r < 0)
	{
		raise_error(call->state, &err);
		return -1;
	}
	return 0;
}

/*
 * Read the wanted block numbers, in any order and as often as one likes, into wanted_numbers: the
 * check blocks among them, each once. Their number, or -1 with an exception.
 */
static Py_ssize_t read_wanted(struct call *call, PyObject *numbers)
{
	Py_ssize_t count = 0, length = PyTuple_Size(numbers);

	for (Py_ssize_t i = 0; i < length; i++) {
		unsigned number;

		if (block_number(call, PyTuple_GetItem(numbers, i), &number) < 0)
			return -1;
		if (number < call->code->k || call->position[number] >= 0)
			continue;
		call->position[number] = (int)count;
		call->wanted_numbers[count++] = number;
	}
	return count;
}

static Py_ssize_t want_all(struct call *call)
{
	unsigned k = call->code->k, count = call->code->m - k;

	for (unsigned i = 0; i < count; i++) {
		call->wanted_numbers[i] = k + i;
		call->position[k + i] = (int)i;
	}
	return (Py_ssize_t)count;
}

/* The blocks an encode() call returns, in order; ${numbers} NULL means all. */
static PyObject *encoded_list(struct call *call, PyObject *blocks, PyObject *numbers)
{
	Py_ssize_t length = numbers ? PyTuple_Size(numbers) : (Py_ssize_t)call->code->m;
	PyObject *list = PyList_New(length);

	for (Py_ssize_t i = 0; list && i < length; i++) {
		unsigned number = (unsigned)i;
		PyObject *block;

		if (numbers && block_number(call, PyTuple_GetItem(numbers, i), &number) < 0) {
			Py_DECREF(list);
			return NULL;
		}
		block = number < call->code->k ? PyTuple_GetItem(blocks, number)
					       : call->made[call->position[number]];
		Py_INCREF(block);
		PyList_SetItem(list, i, block);
	}
	return list;
}

PyDoc_STRVAR(encode_doc,
	"encode(inblocks[, desired_blocks_nums])\n"
	"--\n"
	"\n"
	"Compute check blocks from the k primary blocks.\n"
	"\n"
	"inblocks: an iterable of exactly k bytes-like, C-contiguous objects of one\n"
	"length in bytes, which may be 0.\n"
	"desired_blocks_nums: an iterable of ints from 0 to m - 1 in any order, the\n"
	"same one as often as you like. Without it: all m blocks, in order.\n"
	"\n"
	"Returns a list: for a primary block the very object given in inblocks (not a\n"
	"copy: change it later and you change both), for a check block new bytes.\n"
	"\n"
	"The blocks are locked during the call (a bytearray cannot be resized), and\n"
	"must not be written to meanwhile. The interpreter's lock is released while\n"
	"computing. Any number of threads may use one Encoder at the same time.\n"
	"\n"
	"Raises TypeError or BufferError for arguments of the wrong kind, Error for\n"
	"wrong numbers or lengths, MemoryError.");

static PyObject *encoder_encode(PyObject *self_, PyObject *args)
{
	struct coder *self = (struct coder *)self_;
	CLEAN_CALL struct call *call = NULL;
	CLEAN_REF PyObject *blocks = NULL;
	CLEAN_REF PyObject *numbers = NULL;
	PyObject *inblocks, *desired = NULL;
	Py_ssize_t count;

	if (!PyArg_ParseTuple(args, "O|O:Encoder.encode", &inblocks, &desired))
		return NULL;
	call = call_new(self);
	if (!call)
		return NULL;
	if (desired) {
		numbers = items_of(desired, "Second argument (optional) was not a sequence.");
		if (!numbers)
			return NULL;
	}
	count = numbers ? read_wanted(call, numbers) : want_all(call);
	if (count < 0)
		return NULL;
	blocks = items_of(inblocks, "First argument was not a sequence.");
	if (!blocks)
		return NULL;
	if (PyTuple_Size(blocks) != (Py_ssize_t)call->code->k)
		return PyErr_Format(call->state->error,
			"Precondition violation: Wrong length -- first argument (the sequence of "
			"input blocks) is required to contain exactly k blocks.  len(first): %zd, "
			"k: %d",
			PyTuple_Size(blocks), (int)call->code->k);
	for (unsigned i = 0; i < call->code->k; i++) {
		call->known_numbers[i] = i;
		if (lock_block(call, PyTuple_GetItem(blocks, i)) < 0)
			return NULL;
	}
	if (check_lengths(call, "") < 0 || call_run(call, self, (size_t)count) < 0)
		return NULL;
	return encoded_list(call, blocks, numbers);
}

/*
 * Read the numbers of the known blocks and lock the blocks, one after the other: a bad number is
 * told of before a bad block at the same place. 0, or -1 with an exception.
 */
static int read_known(struct call *call, PyObject *blocks, PyObject *numbers)
{
	Py_ssize_t count = PyTuple_Size(numbers);

	for (Py_ssize_t i = 0; i < count; i++) {
		unsigned number;

		if (block_number(call, PyTuple_GetItem(numbers, i), &number) < 0)
			return -1;
		if (call->position[number] >= 0) {
			PyErr_Format(call->state->error,
				"Precondition violation: block nums are required to be all "
				"different.  "
				"given twice: %d",
				(int)number);
			return -1;
		}
		call->position[number] = (int)i;
		call->known_numbers[i] = number;
		if (lock_block(call, PyTuple_GetItem(blocks, i)) < 0)
			return -1;
	}
	return check_lengths(call, "\n");
}

/* The primaries 0..k-1: given ones as they were, the others as made, lowest first. */
static PyObject *decoded_list(struct call *call, PyObject *blocks)
{
	PyObject *list = PyList_New((Py_ssize_t)call->code->k);
	size_t made = 0;

	for (unsigned i = 0; list && i < call->code->k; i++) {
		PyObject *block = call->position[i] >= 0
					  ? PyTuple_GetItem(blocks, call->position[i])
					  : call->made[made++];

		Py_INCREF(block);
		PyList_SetItem(list, (Py_ssize_t)i, block);
	}
	return list;
}

PyDoc_STRVAR(decode_doc,
	"decode(blocks, blocknums)\n"
	"--\n"
	"\n"
	"Compute the k primary blocks from any k blocks.\n"
	"\n"
	"blocks: an iterable of exactly k bytes-like, C-contiguous objects of one\n"
	"length in bytes, which may be 0.\n"
	"blocknums: an iterable of their k numbers, ints from 0 to m - 1, all\n"
	"different, in any order.\n"
	"\n"
	"Returns a list of the primary blocks 0 to k - 1 in order: given ones are the\n"
	"very objects given, missing ones are new bytes. The arguments are not\n"
	"changed. A wrong block cannot be noticed: there is nothing to check it with.\n"
	"\n"
	"The blocks are locked during the call (a bytearray cannot be resized), and\n"
	"must not be written to meanwhile. The interpreter's lock is released while\n"
	"computing. Any number of threads may use one Decoder at the same time.\n"
	"\n"
	"Raises TypeError or BufferError for arguments of the wrong kind, Error for\n"
	"wrong numbers or lengths, MemoryError.");

static PyObject *decoder_decode(PyObject *self_, PyObject *args)
{
	struct coder *self = (struct coder *)self_;
	CLEAN_CALL struct call *call = NULL;
	CLEAN_REF PyObject *blocks = NULL;
	CLEAN_REF PyObject *numbers = NULL;
	PyObject *inblocks, *blocknums;
	size_t missing = 0;
	int k;

	if (!PyArg_ParseTuple(args, "OO:Decoder.decode", &inblocks, &blocknums))
		return NULL;
	call = call_new(self);
	if (!call)
		return NULL;
	blocks = items_of(inblocks, "First argument was not a sequence.");
	if (!blocks)
		return NULL;
	numbers = items_of(blocknums, "Second argument was not a sequence.");
	if (!numbers)
		return NULL;
	k = (int)call->code->k;
	if (PyTuple_Size(blocks) != k)
		return PyErr_Format(call->state->error,
			"Precondition violation: Wrong length -- first argument is required to "
			"contain exactly k blocks.  len(first): %zd, k: %d",
			PyTuple_Size(blocks), k);
	if (PyTuple_Size(numbers) != k)
		return PyErr_Format(call->state->error,
			"Precondition violation: Wrong length -- blocknums is required to contain "
			"exactly k blocks.  len(blocknums): %zd, k: %d",
			PyTuple_Size(numbers), k);
	if (read_known(call, blocks, numbers) < 0)
		return NULL;
	for (unsigned i = 0; i < call->code->k; i++) {
		if (call->position[i] < 0)
			call->wanted_numbers[missing++] = i;
	}
	if (call_run(call, self, missing) < 0)
		return NULL;
	return decoded_list(call, blocks);
}

PyDoc_STRVAR(wrong_doc,
	"_wrong_blocks(blocks, blocknums)\n"
	"--\n"
	"\n"
	"Find the wrong ones among k or more blocks that should agree.\n"
	"\n"
	"blocks and blocknums as for decode(), but n >= k of each. Returns a tuple of\n"
	"the positions in blocks, ascending, of the one set of at most (n - k) // 2\n"
	"blocks without which all others agree; () if all agree. Raises Error if there\n"
	"is no such set. With n = k nothing can be noticed. The interpreter's lock is\n"
	"released while computing.");

static PyObject *decoder_wrong_blocks(PyObject *self, PyObject *args)
{
	CLEAN_CALL struct call *call = NULL;
	CLEAN_REF PyObject *blocks = NULL;
	CLEAN_REF PyObject *numbers = NULL;
	PyObject *inblocks, *blocknums, *positions;
	uint8_t wrong[BLOCKS_MAX] = {0};
	struct sherd_error err;
	size_t count = 0;
	Py_ssize_t next = 0;
	int r;

	if (!PyArg_ParseTuple(args, "OO:Decoder._wrong_blocks", &inblocks, &blocknums))
		return NULL;
	call = call_new((struct coder *)self);
	if (!call)
		return NULL;
	blocks = items_of(inblocks, "First argument was not a sequence.");
	if (!blocks)
		return NULL;
	numbers = items_of(blocknums, "Second argument was not a sequence.");
	if (!numbers)
		return NULL;
	if (PyTuple_Size(blocks) != PyTuple_Size(numbers) ||
		PyTuple_Size(blocks) < (Py_ssize_t)call->code->k ||
		PyTuple_Size(blocks) > (Py_ssize_t)call->code->m)
		return PyErr_Format(call->state->error,
			"Precondition violation: Wrong length -- as many blocks as blocknums are "
			"required, at least k and at most m.  len(blocks): %zd, len(blocknums): "
			"%zd, "
			"k: %d, m: %d",
			PyTuple_Size(blocks), PyTuple_Size(numbers), (int)call->code->k,
			(int)call->code->m);
	if (read_known(call, blocks, numbers) < 0)
		return NULL;

	Py_BEGIN_ALLOW_THREADS r = sherd_fec_locate(call->code->fec, call->known_numbers,
		call->known, call->views_count, call->size, wrong, &count, &err);
	Py_END_ALLOW_THREADS if (r < 0)
	{
		raise_error(call->state, &err);
		return NULL;
	}
	positions = PyTuple_New((Py_ssize_t)count);
	for (size_t i = 0; positions && i < call->views_count; i++) {
		PyObject *position;

		if (!wrong[i])
			continue;
		position = PyLong_FromSize_t(i);
		if (!position || PyTuple_SetItem(positions, next++, position) < 0) {
			Py_DECREF(positions);
			return NULL;
		}
	}
	return positions;
}

static int check_parameters(struct coder *self, int k, int m)
{
	PyObject *error = self->state->error;

	if (k < 1)
		PyErr_Format(error,
			"Precondition violation: first argument is required to be greater than or "
			"equal to 1, but it was %d",
			k);
	else if (m < 1)
		PyErr_Format(error,
			"Precondition violation: second argument is required to be greater than or "
			"equal to 1, but it was %d",
			m);
	else if (m > 256)
		PyErr_Format(error,
			"Precondition violation: second argument is required to be less than or "
			"equal "
			"to 256, but it was %d",
			m);
	else if (k > m)
		PyErr_Format(error,
			"Precondition violation: first argument is required to be less than or "
			"equal "
			"to the second argument, but they were %d and %d respectively",
			k, m);
	else
		return 0;
	return -1;
}

/*
 * Both __init__()s. Called once more on the same object it replaces the code, or, when it fails,
 * leaves the object as it was. The interpreter's lock is kept: sherd_fec_new() reads the
 * environment, which other threads change under that lock.
 */
static int coder_init(
	struct coder *self, PyObject *args, PyObject *keywords, const char *format, int encodes)
{
	static const char *const names[] = {"k", "m", NULL};
	struct fec_code *code;
	struct fec_plan *all = NULL;
	struct sherd_error err;
	char *names_copy[3];
	int k, m;

	/* PyArg_ParseTupleAndKeywords() wants char **, and does not write to it. */
	memcpy(names_copy, names, sizeof(names));
	if (!PyArg_ParseTupleAndKeywords(args, keywords, format, names_copy, &k, &m))
		return -1;
	if (check_parameters(self, k, m) < 0)
		return -1;
	if (fec_code_new((unsigned)k, (unsigned)m, &code, &err) < 0) {
		raise_error(self->state, &err);
		return -1;
	}
	if (encodes && fec_plan_all(code, &all, &err) < 0) {
		raise_error(self->state, &err);
		fec_code_unref(code);
		return -1;
	}
	fec_plan_unref(self->all);
	fec_plan_unref(self->last);
	fec_code_unref(self->code);
	self->all = all;
	self->last = NULL;
	self->code = code;
	self->k = k;
	self->m = m;
	return 0;
}

static int encoder_init(PyObject *self, PyObject *args, PyObject *keywords)
{
	return coder_init((struct coder *)self, args, keywords, "ii:Encoder.__init__", 1);
}

static int decoder_init(PyObject *self, PyObject *args, PyObject *keywords)
{
	return coder_init((struct coder *)self, args, keywords, "ii:Decoder.__init__", 0);
}

static struct PyModuleDef fec_module;

/* The state of the module that made ${type} or, for a subclass, the nearest base that has one. */
static struct module_state *state_of(PyTypeObject *type)
{
	while (type) {
		PyObject *module = PyType_GetModule(type);

		if (module && PyModule_GetDef(module) == &fec_module)
			return PyModule_GetState(module);
		PyErr_Clear();
		type = PyType_GetSlot(type, Py_tp_base);
	}
	PyErr_SetString(PyExc_SystemError, "not a type of _fec");
	return NULL;
}

static PyObject *coder_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	struct module_state *state = state_of(type);
	allocfunc alloc;
	PyObject *self;

	(void)args;
	(void)keywords;
	if (!state)
		return NULL;
	*(void **)&alloc = PyType_GetSlot(type, Py_tp_alloc);
	self = alloc(type, 0);
	if (self)
		((struct coder *)self)->state = state;
	return self;
}

static void coder_dealloc(PyObject *self_)
{
	struct coder *self = (struct coder *)self_;
	PyTypeObject *type = Py_TYPE(self_);
	freefunc release;

	fec_plan_unref(self->all);
	fec_plan_unref(self->last);
	fec_code_unref(self->code);
	*(void **)&release = PyType_GetSlot(type, Py_tp_free);
	release(self_);
	Py_DECREF(type);
}

static PyMemberDef coder_members[] = {
	{"k", T_INT, offsetof(struct coder, k), READONLY, "how many blocks suffice (read only)"},
	{"m", T_INT, offsetof(struct coder, m), READONLY, "how many blocks there are (read only)"},
	{NULL, 0, 0, 0, NULL},
};

static PyMethodDef encoder_methods[] = {
	{"encode", encoder_encode, METH_VARARGS, encode_doc},
	{NULL, NULL, 0, NULL},
};

static PyMethodDef decoder_methods[] = {
	{"decode", decoder_decode, METH_VARARGS, decode_doc},
	{"_wrong_blocks", decoder_wrong_blocks, METH_VARARGS, wrong_doc},
	{NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(encoder_doc,
	"Encoder(k, m)\n"
	"--\n"
	"\n"
	"Makes m blocks of k blocks, such that any k of them give the others back.\n"
	"\n"
	"k, m: ints, 1 <= k <= m <= 256; kept as the read-only attributes k and m.\n"
	"Blocks 0 to k - 1 are the data itself (primary), k to m - 1 are check\n"
	"blocks; a check block depends on k and its number, not on m.\n"
	"\n"
	"Method: Reed-Solomon code over GF(2^8), polynomial 0x11d, as in L. Rizzo,\n"
	"'Effective erasure codes for reliable computer communication protocols'\n"
	"(1997); the same bytes as zfec.\n"
	"\n"
	"Raises TypeError, OverflowError, or Error for numbers out of range.");

PyDoc_STRVAR(decoder_doc,
	"Decoder(k, m)\n"
	"--\n"
	"\n"
	"Gives the k primary blocks back from any k of the m that Encoder(k, m) makes.\n"
	"\n"
	"k, m: ints, 1 <= k <= m <= 256; kept as the read-only attributes k and m.\n"
	"Raises TypeError, OverflowError, or Error for numbers out of range.");

/* The C standard has no cast of a function to void *, POSIX does. */
#define SLOT(function) (__extension__(void *)(function))

static PyType_Slot encoder_slots[] = {
	{Py_tp_doc, (void *)(uintptr_t)encoder_doc},
	{Py_tp_new, SLOT(coder_new)},
	{Py_tp_init, SLOT(encoder_init)},
	{Py_tp_dealloc, SLOT(coder_dealloc)},
	{Py_tp_methods, encoder_methods},
	{Py_tp_members, coder_members},
	{0, NULL},
};

static PyType_Slot decoder_slots[] = {
	{Py_tp_doc, (void *)(uintptr_t)decoder_doc},
	{Py_tp_new, SLOT(coder_new)},
	{Py_tp_init, SLOT(decoder_init)},
	{Py_tp_dealloc, SLOT(coder_dealloc)},
	{Py_tp_methods, decoder_methods},
	{Py_tp_members, coder_members},
	{0, NULL},
};

/* Named "_fec." as in the original, which programs see in repr() and pickles of exceptions. */
static PyType_Spec encoder_spec = {
	.name = "_fec.Encoder",
	.basicsize = sizeof(struct coder),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = encoder_slots,
};

static PyType_Spec decoder_spec = {
	.name = "_fec.Decoder",
	.basicsize = sizeof(struct coder),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = decoder_slots,
};

/* From blocks 1, 2 and 3 of (3,5) block 0 comes back; 1 if so, 0 if not, negative for an error. */
static int agl_round_trip(struct sherd_error *err)
{
	enum { SIZE = 8 };
	static const unsigned known[] = {1, 2, 3}, wanted[] = {0};
	uint8_t data[3][SIZE], check[2][SIZE], result[SIZE] = {0};
	const uint8_t *given[3] = {data[0], data[1], data[2]};
	uint8_t *made[2] = {check[0], check[1]}, *restored[1] = {result};
	struct fec_code *code = NULL;
	struct fec_plan *encode = NULL, *decode = NULL, *cache = NULL;
	int r;

	for (int i = 0; i < 3; i++)
		memset(data[i], i + 1, SIZE);
	r = fec_code_new(3, 5, &code, err);
	if (r == 0)
		r = fec_plan_all(code, &encode, err);
	if (r == 0)
		r = fec_plan_get(code, NULL, &cache, known, wanted, 1, &decode, err);
	if (r == 0)
		r = sherd_fec_run(encode->plan, given, made, SIZE, NULL, err);
	if (r == 0) {
		const uint8_t *left[3] = {data[1], data[2], check[0]};

		r = sherd_fec_run(decode->plan, left, restored, SIZE, NULL, err);
	}
	fec_plan_unref(encode);
	fec_plan_unref(decode);
	fec_plan_unref(cache);
	fec_code_unref(code);
	return r < 0 ? r : memcmp(result, data[0], SIZE) == 0;
}

PyDoc_STRVAR(agl_doc,
	"test_from_agl()\n"
	"--\n"
	"\n"
	"A small round trip in C: True if block 0 of (3, 5) comes back from 1, 2 and 3.");

static PyObject *test_from_agl(PyObject *module, PyObject *args)
{
	struct sherd_error err;
	int r = agl_round_trip(&err);

	(void)args;
	if (r < 0) {
		raise_error(PyModule_GetState(module), &err);
		return NULL;
	}
	return PyBool_FromLong(r);
}

static int add_type(PyObject *module, PyType_Spec *spec)
{
	CLEAN_REF PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);

	return type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
}

static int module_exec(PyObject *module)
{
	struct module_state *state = PyModule_GetState(module);

	state->error = PyErr_NewExceptionWithDoc("_fec.Error",
		"A number or a length given to Encoder or Decoder is out of range.", NULL, NULL);
	if (!state->error || PyModule_AddObjectRef(module, "Error", state->error) < 0)
		return -1;
	if (add_type(module, &encoder_spec) < 0 || add_type(module, &decoder_spec) < 0)
		return -1;
	return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
	struct module_state *state = PyModule_GetState(module);

	if (state)
		Py_VISIT(state->error);
	return 0;
}

/* No m_clear: an object may be used after its module was cleared, and then raises our Error. */
static void module_free(void *module)
{
	struct module_state *state = PyModule_GetState(module);

	if (state)
		Py_CLEAR(state->error);
}

static PyMethodDef module_methods[] = {
	{"test_from_agl", test_from_agl, METH_NOARGS, agl_doc},
	{NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
	{Py_mod_exec, SLOT(module_exec)},
	{0, NULL},
};

PyDoc_STRVAR(module_doc, "The Reed-Solomon code of zfec, computed by libsherd.");

static struct PyModuleDef fec_module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "_fec",
	.m_doc = module_doc,
	.m_size = sizeof(struct module_state),
	.m_methods = module_methods,
	.m_slots = module_slots,
	.m_traverse = module_traverse,
	.m_free = module_free,
};

PyMODINIT_FUNC PyInit__fec(void);

PyMODINIT_FUNC PyInit__fec(void)
{
	return PyModuleDef_Init(&fec_module);
}

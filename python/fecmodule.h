/* SPDX-License-Identifier: MIT */
/*
 * fecmodule.h - what the two files of the extension module share: its objects, and the methods.
 *
 * Every function here needs the interpreter's lock. PyObject results are new references; NULL or a
 * negative number means that a Python exception is set.
 */
#ifndef SHERD_PYTHON_FECMODULE_H
#define SHERD_PYTHON_FECMODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include "fecplan.h"

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

/* raise_error(state, err): the Python exception for a failure of libsherd. */
void raise_error(struct module_state *state, const struct sherd_error *err);

/* Methods, for a PyMethodDef with METH_VARARGS; their docstrings are in fecmodule.c. */
PyObject *encoder_encode(PyObject *self, PyObject *args);
PyObject *decoder_decode(PyObject *self, PyObject *args);
PyObject *decoder_wrong_blocks(PyObject *self, PyObject *args);

/* A reference that is dropped when its scope ends; NULL is none. */
static inline void drop_reference(PyObject **object)
{
	Py_XDECREF(*object);
}

#define CLEAN_REF __attribute__((cleanup(drop_reference)))

#endif

# Single Shot: `make book` builds the site, `make pdf` prints it as well, `make test` proves everything.
# Needs Python 3.11 or later, and make.

PYTHON ?= python3
BIN := .venv/bin
NOTEBOOKS := $(wildcard book/chapters/*.ipynb)
SITE := build/site
MATHJAX := node_modules/mathjax/es5
FONT := node_modules/@fontsource-variable
ORT := node_modules/onnxruntime-web/dist
BUILD := $(BIN)/jupyter-book build book --config _config.yml --path-output book -W -n --keep-going
NETWORKS := $(addprefix $(SITE)/networks/,ssd_tiny_toyvoc.onnx ssd_small_voc07.onnx)

.PHONY: book pdf test lint unit notebooks test-notebooks test-site serve clean
.DELETE_ON_ERROR:

# --- the environment, made once, in one place -----------------------------------------------------------------------

.venv/ready: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# What the pages load besides their own files, in a folder that Sphinx copies beside them (html_extra_path).
$(SITE).stamp: package.json package-lock.json .npmrc .venv/ready
	$(BIN)/npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	rm -rf $(SITE)/mathjax $(SITE)/fonts $(SITE)/ort
	mkdir -p $(SITE)/fonts $(SITE)/ort $(addprefix $(SITE)/mathjax/,a11y input output)
	cp $(MATHJAX)/startup.js $(MATHJAX)/core.js $(MATHJAX)/../LICENSE $(SITE)/mathjax/
	cp $(MATHJAX)/a11y/assistive-mml.js $(SITE)/mathjax/a11y/
	cp $(MATHJAX)/input/tex.js $(SITE)/mathjax/input/
	cp -R $(MATHJAX)/output/chtml.js $(MATHJAX)/output/chtml $(SITE)/mathjax/output/
	cp $(FONT)/source-*/files/source-*-latin-wght-*.woff2 $(SITE)/fonts/
	cp $(FONT)/source-serif-4/LICENSE $(SITE)/fonts/OFL.txt
	cp $(ORT)/ort.wasm.bundle.min.mjs $(ORT)/ort-wasm-simd-threaded.wasm $(SITE)/ort/
	touch $@

# What the live detector loads when a reader starts it: the networks, without suppression, and toys and pictures.
$(SITE)/networks/%.onnx: data/weights/%.safetensors ssd/export.py | $(SITE).stamp
	mkdir -p $(@D)
	$(BIN)/python -m ssd export $< $@ --no-suppression

$(SITE)/live/things.js: book/live.py $(SITE).stamp $(NETWORKS)
	$(BIN)/python $< $(SITE)

# --- the book -------------------------------------------------------------------------------------------------------

book: .venv/ready $(SITE).stamp $(SITE)/live/things.js
	$(BUILD) --all
	@echo "open book/_build/html/index.html"

# The second build leaves alone what has not changed: it takes the PDF along, and links it from the first page.
pdf: book
	$(BIN)/python book/pdf.py $(SITE)/single-shot.pdf
	$(BUILD)

notebooks: .venv/ready
	$(BIN)/python book/execute.py $(NOTEBOOKS)

serve: book
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory book/_build/html 8000

# --- the proof ------------------------------------------------------------------------------------------------------

test: lint unit test-notebooks test-site

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

unit: .venv/ready
	$(BIN)/python -m pytest tests --ignore=tests/test_book_site.py --ignore=tests/test_book_live.py \
	  --ignore=tests/test_book_pdf.py -n 2

test-notebooks: .venv/ready
	$(BIN)/python -m pytest --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg -W ignore $(NOTEBOOKS)

test-site: book
	$(BIN)/python -m pytest tests/test_book_site.py tests/test_book_live.py tests/test_book_pdf.py -n 2

clean:
	rm -rf build book/_build

nlm_unit_test(test_cells LIBS nlm_frontend nlm_passes nlm_reference SOURCES small_model.c run_model.c)

nlm_unit_test(test_crf LIBS nlm_reference SOURCES small_model.c run_model.c)

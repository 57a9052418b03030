nlm_unit_test(test_text LIBS nlm)
